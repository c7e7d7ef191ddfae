//! The geo commands: sorted sets whose scores are places. Owns how places, units and distances are
//! given and answered; what is searched for is `search`'s. Knows nothing of how a place becomes a
//! score (`value::geohash`), nor how a sorted set is kept.

mod search;
mod sorting;
#[cfg(test)]
mod tests;

use super::sorted_sets::{Adding, add, read};
use super::{CommandError, Context, DataHandler, Outcome, error, options};
use crate::resp::{Args, Sink};
use crate::value::Value;
use crate::value::geohash::{Place, distance_m};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("geoadd", geoadd),
    ("geodist", geodist),
    ("geohash", geohash),
    ("geopos", geopos),
    ("georadius", search::georadius),
    ("georadius_ro", search::georadius_ro),
    ("georadiusbymember", search::georadiusbymember),
    ("georadiusbymember_ro", search::georadiusbymember_ro),
    ("geosearch", search::geosearch),
    ("geosearchstore", search::geosearchstore),
];

/// `longitude latitude`
fn place(longitude: &[u8], latitude: &[u8]) -> Result<Place, CommandError> {
    let place = Place {
        longitude: options::double(longitude)?,
        latitude: options::double(latitude)?,
    };
    if !place.is_valid() {
        return Err(error::invalid_place(place.longitude, place.latitude));
    }
    Ok(place)
}

/// `M | KM | FT | MI`, in metres.
fn unit_m(arg: &[u8]) -> Result<f64, CommandError> {
    let units = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
    units
        .into_iter()
        .find(|(name, _)| options::is(arg, name))
        .map(|(_, metres)| metres)
        .ok_or(error::UNKNOWN_UNIT)
}

/// Answers a distance: with four digits after the point, and as a string in RESP3 too.
fn answer_distance(reply: &mut dyn Sink, distance: f64) {
    const SCALE: f64 = 10_000.0;
    let scaled = (distance * SCALE).round_ties_even();
    // What is no number, or too large for one of 64 bits, becomes the smallest of those, as on x86.
    let whole = if scaled.abs() < i64::MAX as f64 {
        scaled as i64
    } else {
        i64::MIN
    };
    let mut text = [0; 24];
    let mut len = 0;
    let mut push = |part: &[u8]| {
        text[len..len + part.len()].copy_from_slice(part);
        len += part.len();
    };
    if whole < 0 {
        push(b"-");
    }
    let size = whole.unsigned_abs();
    push(itoa::Buffer::new().format(size / 10_000).as_bytes());
    push(b".");
    // The fifth digit keeps the zeros in front.
    push(
        &itoa::Buffer::new()
            .format(10_000 + size % 10_000)
            .as_bytes()[1..],
    );
    reply.bulk(&text[..len]);
}

fn answer_place(reply: &mut dyn Sink, place: Place) {
    reply.array(2);
    reply.double(place.longitude);
    reply.double(place.latitude);
}

/// GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]
fn geoadd(ctx: &mut Context, args: Args) -> Outcome {
    let (adding, options) = Adding::parse_geo(args.from(2));
    let members = args.from(2 + options);
    if !members.len().is_multiple_of(3) {
        return Err(error::SYNTAX);
    }
    let adding = adding?;
    let count = members.len() / 3;
    let place_of = |at: usize| place(members.at(3 * at), members.at(3 * at + 1));
    let scores: Vec<f64> = (0..count)
        .map(|at| place_of(at).map(Place::to_score))
        .collect::<Result<_, _>>()?;
    if count == 0 {
        return Err(error::SYNTAX);
    }
    let scored = scores
        .into_iter()
        .enumerate()
        .map(|(at, score)| (score, members.at(3 * at + 2)));
    let changes = ctx.keyspace.journal.dirty;
    add(ctx, args.at(1), adding, members.at(2).len(), scored)?;
    if ctx.keyspace.journal.dirty > changes {
        propagate(ctx, args.range(1..2 + options), members);
    }
    Ok(())
}

/// Tells who follows the changes of places as of the sorted set that they are: nothing is rounded
/// twice.
fn propagate(ctx: &mut Context, head: Args, members: Args) {
    ctx.propagate_as(|words| {
        words.push(b"zadd");
        head.iter().for_each(|word| words.push(word));
        for at in (0..members.len()).step_by(3) {
            if let Ok(place) = place(members.at(at), members.at(at + 1)) {
                words.push_integer(place.to_score() as i64);
                words.push(members.at(at + 2));
            }
        }
    });
}

/// GEODIST key member1 member2 [M | KM | FT | MI]
fn geodist(ctx: &mut Context, args: Args) -> Outcome {
    let unit_m = match args.get(4) {
        _ if args.len() > 5 => return Err(error::SYNTAX),
        Some(unit) => unit_m(unit)?,
        None => 1.0,
    };
    let seed = ctx.keyspace.seed();
    let places = read(ctx, args.at(1))?.and_then(|set| {
        let place = |member| set.score(member, &seed).map(Place::from_score);
        Some((place(args.at(2))?, place(args.at(3))?))
    });
    match places {
        Some((one, other)) => answer_distance(ctx.reply, distance_m(one, other) / unit_m),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// Answers something of each member's place, or of none.
fn each_place(
    ctx: &mut Context,
    args: Args,
    answer: impl Fn(&mut dyn Sink, Option<Place>),
) -> Outcome {
    let seed = ctx.keyspace.seed();
    let value = ctx.keyspace.read(ctx.db, args.at(1));
    let set = value.map(Value::as_sorted_set).transpose()?;
    let members = args.from(2);
    ctx.reply.array(members.len());
    for member in members.iter() {
        let score = set.and_then(|set| set.score(member, &seed));
        answer(ctx.reply, score.map(Place::from_score));
    }
    Ok(())
}

/// GEOHASH key [member [member ...]]
fn geohash(ctx: &mut Context, args: Args) -> Outcome {
    each_place(ctx, args, |reply, place| match place {
        Some(place) => reply.bulk(&place.geohash()),
        None => reply.null(),
    })
}

/// GEOPOS key [member [member ...]]
fn geopos(ctx: &mut Context, args: Args) -> Outcome {
    each_place(ctx, args, |reply, place| match place {
        Some(place) => answer_place(reply, place),
        None => reply.null_array(),
    })
}
