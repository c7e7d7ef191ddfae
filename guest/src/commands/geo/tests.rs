//! What the geo commands answer, count and tell, as Redis 8.0.2 does.

use crate::commands::transcript::check;

#[test]
fn places_tell_what_happened() {
    check(&[
        (
            "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
            ":2",
            [2, 0, 0],
            "0:new g, 0:zadd g",
        ),
        ("GEOADD g 13.361389 38.115556 Palermo", ":0", [0, 0, 0], ""),
        (
            "GEOADD g CH 13.4 38.1 Palermo 1 1 new",
            ":2",
            [2, 0, 0],
            "0:zadd g",
        ),
        ("GEOADD g XX 1 1 nobody", ":0", [0, 0, 0], ""),
        ("GEOADD no XX 1 1 nobody", ":0", [0, 0, 0], ""),
        (
            "GEOADD no 1 200 nobody",
            "-ERR invalid longitude,latitude pair 1.000000,200.000000",
            [0, 0, 0],
            "",
        ),
        (
            "GEOPOS g Catania nobody",
            "*2 *2 $18 15.087267458438873 $17 37.50266842333162 *-1",
            [0, 1, 0],
            "",
        ),
        ("GEOPOS no Catania", "*1 *-1", [0, 0, 1], "0:keymiss no"),
        (
            "GEOHASH g Catania nobody",
            "*2 $11 sqdtr74hyu0 $-1",
            [0, 1, 0],
            "",
        ),
        ("GEOHASH no a", "*1 $-1", [0, 0, 1], "0:keymiss no"),
        (
            "GEODIST g Palermo Catania",
            "$11 162484.5721",
            [0, 1, 0],
            "",
        ),
        ("GEODIST g Palermo nobody", "$-1", [0, 1, 0], ""),
        ("GEODIST no a b", "$-1", [0, 0, 1], "0:keymiss no"),
        (
            "ZREM g Palermo Catania new",
            ":3",
            [3, 0, 0],
            "0:zrem g, 0:del g",
        ),
        ("EXISTS g", ":0", [0, 0, 1], "0:keymiss g"),
        ("SET s v", "+OK", [1, 0, 0], "0:new s, 0:set s"),
        (
            "GEOADD s 1 1 a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
        (
            "GEOPOS s a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
        (
            "GEODIST s a b",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
    ]);
}

#[test]
fn searches_tell_what_happened() {
    check(&[
        (
            "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
            ":2",
            [2, 0, 0],
            "0:new g, 0:zadd g",
        ),
        (
            "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC",
            "*2 $7 Catania $7 Palermo",
            [0, 1, 0],
            "",
        ),
        (
            "GEOSEARCH g FROMMEMBER nobody BYRADIUS 200 km",
            "-ERR could not decode requested zset member",
            [0, 1, 0],
            "",
        ),
        (
            "GEOSEARCH no FROMMEMBER nobody BYRADIUS 200 km",
            "*0",
            [0, 0, 1],
            "0:keymiss no",
        ),
        (
            "GEOSEARCH no FROMMEMBER nobody BYRADIUS x km",
            "-ERR need numeric radius",
            [0, 0, 1],
            "0:keymiss no",
        ),
        (
            "GEORADIUS g 15 37 200 km WITHDIST COUNT 1",
            "*1 *2 $7 Catania $7 56.4413",
            [0, 1, 0],
            "",
        ),
        (
            "GEORADIUS_RO no 15 37 200 km",
            "*0",
            [0, 0, 1],
            "0:keymiss no",
        ),
        (
            "GEORADIUS no x 37 200 km",
            "-ERR value is not a valid float",
            [0, 0, 1],
            "0:keymiss no",
        ),
        (
            "GEORADIUSBYMEMBER g Palermo 1 m",
            "*1 $7 Palermo",
            [0, 1, 0],
            "",
        ),
        (
            "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km",
            ":2",
            [2, 1, 0],
            "0:new d, 0:geosearchstore d",
        ),
        ("EXPIRE d 100", ":1", [1, 0, 0], "0:expire d"),
        (
            "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST",
            ":2",
            [2, 1, 0],
            "0:geosearchstore d",
        ),
        ("TTL d", ":-1", [0, 1, 0], ""),
        (
            "GEORADIUS g 15 37 200 km STORE d COUNT 1",
            ":1",
            [1, 1, 0],
            "0:georadiusstore d",
        ),
        (
            "GEORADIUS g 15 37 200 km STOREDIST d",
            ":2",
            [2, 1, 0],
            "0:georadiusstore d",
        ),
        (
            "GEORADIUSBYMEMBER g Palermo 1 m STORE d",
            ":1",
            [1, 1, 0],
            "0:georadiusstore d",
        ),
        (
            "GEOSEARCHSTORE d g FROMLONLAT -15 37 BYRADIUS 200 m",
            ":0",
            [1, 1, 0],
            "0:del d",
        ),
        (
            "GEOSEARCHSTORE d g FROMLONLAT -15 37 BYRADIUS 200 m",
            ":0",
            [0, 1, 0],
            "",
        ),
        ("GEOADD d 1 1 x", ":1", [1, 0, 0], "0:new d, 0:zadd d"),
        (
            "GEORADIUS no 15 37 200 km STORE d",
            ":0",
            [1, 0, 1],
            "0:keymiss no, 0:del d",
        ),
        (
            "GEORADIUSBYMEMBER no x 200 km STORE d",
            ":0",
            [0, 0, 1],
            "0:keymiss no",
        ),
        ("SET s v", "+OK", [1, 0, 0], "0:new s, 0:set s"),
        (
            "GEOSEARCH s FROMLONLAT 15 37 BYRADIUS 200 km",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
        (
            "GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
        (
            "GEOSEARCHSTORE s g FROMLONLAT 15 37 BYRADIUS 200 km",
            ":2",
            [2, 1, 0],
            "0:geosearchstore s",
        ),
    ]);
}
