//! The geo commands, at random.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::{Family, Words, among, one, words};

pub const FAMILY: Family = Family {
    name: "geo",
    templates: TEMPLATES,
    slot,
};

/// Distances are stored nowhere but under `dist`: see `differential::same`.
const TEMPLATES: &[&str] = &[
    "GEOADD key place place_name place place_name place place_name",
    "GEOADD key near place_name near place_name near place_name",
    "GEOADD key near place_name near place_name near place_name",
    "GEOADD key geoadd_option* anywhere place_name",
    "GEOADD key geoadd_option* place place_name place place_name",
    "ZADD key place_score place_name place_score place_name",
    "GEODIST key place_name place_name unit?",
    "GEOHASH key place_name*",
    "GEOPOS key place_name*",
    "GEORADIUS key anywhere radius unit geo_option*",
    "GEORADIUS key place radius unit geo_option*",
    "GEORADIUS key place radius unit STORE key geo_option*",
    "GEORADIUS key place radius unit STOREDIST dist geo_option*",
    "GEORADIUS_RO key place radius unit geo_option*",
    "GEORADIUS_RO key place radius unit STORE key",
    "GEORADIUSBYMEMBER key place_name radius unit geo_option*",
    "GEORADIUSBYMEMBER key place_name radius unit STORE key geo_option*",
    "GEORADIUSBYMEMBER_RO key place_name radius unit geo_option*",
    "GEOSEARCH key geo_from geo_by geo_option*",
    "GEOSEARCH key geo_from geo_by geo_option*",
    "GEOSEARCH key geo_from geo_by geo_option*",
    "GEOSEARCH key geo_option* geo_from geo_option* geo_by geo_from?",
    "GEOSEARCH key geo_by geo_by geo_from",
    "GEOSEARCHSTORE key key geo_from geo_by geo_option*",
    "GEOSEARCHSTORE dist key geo_from geo_by STOREDIST geo_option*",
    "ZRANGE key 0 -1 WITHSCORES",
    "ZRANGE dist 0 -1 WITHSCORES",
    "OBJECT ENCODING key",
    "ZREM key place_name",
];

fn degrees(low: f64, high: f64) -> BoxedStrategy<Words> {
    (0..=1_000_000_u32)
        .prop_map(move |part| {
            let degrees = low + (high - low) * f64::from(part) / 1e6;
            one(format!("{degrees:.6}"))
        })
        .boxed()
}

fn slot(name: &str) -> Option<BoxedStrategy<Words>> {
    Some(match name {
        "dist" => among(&["dist"]),
        // Names come again, so that places do too.
        "place_name" => among(&[
            "a",
            "b",
            "c",
            "d",
            "e",
            "f",
            "g",
            "12",
            "a place with a name of more than sixty-four bytes: the set gets large",
        ]),
        "wide_longitude" => degrees(-180.0, 180.0),
        "wide_latitude" => degrees(-85.05, 85.05),
        "near_longitude" => degrees(13.0, 13.2),
        "near_latitude" => degrees(52.0, 52.1),
        "near" => words("near_longitude near_latitude"),
        "place" => Union::new_weighted(vec![
            (4, words("wide_longitude wide_latitude")),
            (4, words("near_longitude near_latitude")),
            (
                3,
                Union::new(
                    [
                        "13.1 52.05",
                        "0 0",
                        "180 0",
                        "-180 -85.05112878",
                        "179.9 85",
                    ]
                    .map(words),
                )
                .boxed(),
            ),
        ])
        .boxed(),
        "anywhere" => Union::new(
            [
                "place", "place", "place", "180.1 0", "0 85.06", "abc 0", "0 nan", "inf 0",
            ]
            .map(words),
        )
        .boxed(),
        "place_score" => among(&[
            "0",
            "-1",
            "1",
            "4503599627370495",
            "4503599627370496",
            "9007199254740991",
            "1e18",
            "1e19",
            "inf",
            "-inf",
            "3479099956230698.5",
        ]),
        "geoadd_option" => among(&["NX", "XX", "CH", "ch", "FOO"]),
        "unit" => among(&["m", "km", "ft", "mi", "KM", "m", "km", "parsec"]),
        "radius" => among(&[
            "0", "1", "100", "5000", "20000", "1000", "10", "0.5", "3.75", "200000", "1e9", "-1",
            "abc", "inf",
        ]),
        "geo_from" => Union::new_weighted(vec![
            (4, words("FROMMEMBER place_name")),
            (4, words("FROMLONLAT place")),
            (1, words("FROMLONLAT anywhere")),
        ])
        .boxed(),
        "geo_by" => {
            Union::new(["BYRADIUS radius unit", "BYBOX radius radius unit"].map(words)).boxed()
        }
        "geo_option" => Union::new_weighted(vec![
            (3, words("WITHDIST")),
            (2, words("WITHCOORD")),
            (2, words("WITHHASH")),
            (3, words("ASC")),
            (3, words("DESC")),
            (4, words("COUNT geo_count")),
            (2, words("COUNT geo_count ANY")),
            (1, words("ANY")),
            (1, words("FOO")),
        ])
        .boxed(),
        "geo_count" => among(&["1", "2", "3", "5", "1", "2", "3", "100", "0", "-1", "abc"]),
        _ => return None,
    })
}
