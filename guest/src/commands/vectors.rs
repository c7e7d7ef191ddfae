//! The commands of vector sets, as the module that comes with Redis 8.0 has them. How vectors are
//! kept and what is near is `value::vectors`'s.

use super::options::{self, is};
use super::{CommandError, Context, DataHandler, Outcome, chance, error};
use crate::resp::{Args, Sink};
use crate::value::number::{parse_f64, parse_i64};
use crate::value::vectors::filter::Filter;
use crate::value::vectors::{Element, LINKS, Near, Precision, Projection, Shape};
use crate::value::{Value, VectorSet};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("VADD", vadd),
    ("VCARD", vcard),
    ("VDIM", vdim),
    ("VEMB", vemb),
    ("VGETATTR", vgetattr),
    ("VINFO", vinfo),
    ("VISMEMBER", vismember),
    ("VLINKS", vlinks),
    ("VRANDMEMBER", vrandmember),
    ("VREM", vrem),
    ("VSETATTR", vsetattr),
    ("VSIM", vsim),
];

/// What an element may take beside its name and its vector.
const ELEMENT_OVERHEAD: usize = 256;

/// What is said where nothing is: how many links, how many results.
const DEFAULT_LINKS: usize = 16;
const DEFAULT_COUNT: usize = 10;

/// How thorough a search may be asked to be.
const THOROUGHNESS: std::ops::RangeInclusive<i64> = 1..=1_000_000;

/// The module checks by itself how many words there are.
fn arity(args: Args, counts: std::ops::RangeInclusive<usize>, name: &str) -> Outcome {
    if counts.contains(&args.len()) {
        Ok(())
    } else {
        Err(error::wrong_arity(name))
    }
}

/// `FP32 blob`, `VALUES count number ...` from that word on: the vector, and how many words it takes.
fn vector(args: Args) -> Result<(Vec<f32>, usize), CommandError> {
    let (kind, first) = (args.get(0), args.get(1));
    let (Some(kind), Some(first)) = (kind, first) else {
        return Err(error::INVALID_VECTOR);
    };
    if is(kind, "FP32") {
        let (numbers, rest) = first.as_chunks::<4>();
        if numbers.is_empty() || !rest.is_empty() {
            return Err(error::INVALID_VECTOR);
        }
        let floats = numbers.iter().map(|number| f32::from_le_bytes(*number));
        return Ok((floats.collect(), 2));
    }
    let count = parse_i64(first).filter(|_| is(kind, "VALUES"));
    let count = count.and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0 && *count <= args.len().saturating_sub(2));
    let count = count.ok_or(error::INVALID_VECTOR)?;
    let numbers = args.range(2..2 + count);
    let numbers = numbers.iter().map(|number| {
        let number = parse_f64(number).filter(|number| !number.is_nan());
        number
            .map(|number| number as f32)
            .ok_or(error::INVALID_VECTOR)
    });
    Ok((numbers.collect::<Result<_, _>>()?, 2 + count))
}

/// What VADD is asked to do.
struct Addition<'a> {
    /// How short the vector is to be made.
    shortened: Option<usize>,
    vector: Vec<f32>,
    element: &'a [u8],
    precision: Precision,
    links: usize,
    attributes: Option<&'a [u8]>,
}

impl<'a> Addition<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut at = 2;
        let mut shortened = None;
        if is(args.at(at), "REDUCE") {
            let count = parse_i64(args.at(at + 1)).and_then(|count| usize::try_from(count).ok());
            let count = count.filter(|count| (1..=1 << 16).contains(count));
            shortened = Some(count.ok_or(error::INVALID_VECTOR)?);
            at += 2;
        }
        let (vector, taken) = vector(args.from(at.min(args.len())))?;
        at += taken;
        let element = args.get(at).ok_or_else(|| error::wrong_arity("VADD"))?;
        at += 1;
        let mut addition = Addition {
            shortened,
            vector,
            element,
            precision: Precision::Byte,
            links: DEFAULT_LINKS,
            attributes: None,
        };
        while let Some(option) = args.get(at) {
            let value = args.get(at + 1);
            at += 1;
            match value {
                _ if is(option, "CAS") => continue,
                _ if is(option, "NOQUANT") => {
                    addition.precision = Precision::Float;
                    continue;
                }
                _ if is(option, "BIN") => {
                    addition.precision = Precision::Bit;
                    continue;
                }
                _ if is(option, "Q8") => {
                    addition.precision = Precision::Byte;
                    continue;
                }
                Some(value) if is(option, "EF") => thoroughness(value, error::INVALID_EF)?,
                Some(value) if is(option, "M") => {
                    let links = parse_i64(value).filter(|links| LINKS.contains(links));
                    addition.links = links.ok_or(error::INVALID_M)? as usize;
                }
                Some(value) if is(option, "SETATTR") => addition.attributes = Some(value),
                _ => return Err(error::INVALID_VECTOR_OPTION),
            }
            at += 1;
        }
        Ok(addition)
    }

    /// Whether a set that is there can take it.
    fn suits(&self, shape: &Shape) -> Outcome {
        let got = self.vector.len();
        if self.precision != shape.precision {
            return Err(error::OTHER_QUANTIZATION);
        }
        if self.links != shape.links {
            return Err(error::OTHER_M);
        }
        let fits = match &shape.projection {
            None => got == shape.dimensions,
            Some(projection) => self.shortened == Some(shape.dimensions) && got == projection.from,
        };
        if !fits {
            return Err(error::other_dimensions(got, shape.dimensions));
        }
        if self.shortened.is_some() && shape.projection.is_none() {
            return Err(error::NO_PROJECTION);
        }
        Ok(())
    }

    /// What a set is that begins with it.
    fn shape(&self) -> Shape {
        let from = self.vector.len();
        Shape {
            precision: self.precision,
            links: self.links,
            dimensions: self.shortened.unwrap_or(from),
            projection: self.shortened.map(|to| Projection::new(from, to)),
        }
    }
}

/// Every search here is as thorough as can be; what is asked for is checked.
fn thoroughness(value: &[u8], refused: CommandError) -> Outcome {
    let asked = parse_i64(value).filter(|asked| THOROUGHNESS.contains(asked));
    asked.map(drop).ok_or(refused)
}

/// VADD key [REDUCE dim] (FP32 | VALUES num) vector element [CAS] [NOQUANT | Q8 | BIN] [EF n]
/// [SETATTR attributes] [M n]
fn vadd(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 5..=usize::MAX, "VADD")?;
    let addition = Addition::parse(args)?;
    let dimensions = addition.shortened.unwrap_or(addition.vector.len());
    let weights = addition
        .shortened
        .map_or(0, |to| to * addition.vector.len());
    let attributes = addition.attributes.map_or(0, <[u8]>::len);
    let numbers = dimensions
        .saturating_add(weights)
        .saturating_mul(2 * size_of::<f32>());
    ctx.reserve(numbers + addition.element.len() + attributes + ELEMENT_OVERHEAD)?;
    let slot = ctx.keyspace.write(ctx.db, args.at(1));
    let is_new = match slot.vectors()? {
        Some(set) => {
            addition.suits(set.shape())?;
            false
        }
        None => true,
    };
    drop(slot);
    let fresh = is_new.then(|| VectorSet::new(addition.shape(), ctx.keyspace.number_vector_set()));
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    if let Some(set) = fresh {
        slot.put(set);
    }
    let Addition {
        vector,
        element,
        attributes,
        ..
    } = addition;
    let is_added = match slot.vectors_mut()? {
        Some(set) => set.add(element, vector, attributes, ctx.rng),
        None => false,
    };
    drop(slot);
    ctx.reply.boolean(is_added);
    Ok(())
}

/// VREM key element
fn vrem(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 3..=3, "VREM")?;
    change(ctx, args.at(1), |set| set.remove(args.at(2)))
}

/// VSETATTR key element attributes
fn vsetattr(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 4..=4, "VSETATTR")?;
    ctx.reserve(args.at(3).len())?;
    let describe = |set: &mut VectorSet| set.describe(args.at(2), args.at(3));
    change(ctx, args.at(1), describe)
}

/// Changes a set that is there, and answers whether anything of it changed.
fn change(ctx: &mut Context, key: &[u8], how: impl FnOnce(&mut VectorSet) -> bool) -> Outcome {
    let mut slot = ctx.keyspace.write(ctx.db, key);
    let is_changed = slot.vectors_mut()?.is_some_and(how);
    if !is_changed {
        slot.only_laid_out_differently();
    }
    drop(slot);
    ctx.reply.boolean(is_changed);
    Ok(())
}

// ---- what is there -----------------------------------------------------------------------------

fn read<'c>(ctx: &'c mut Context, key: &[u8]) -> Result<Option<&'c VectorSet>, CommandError> {
    let value = ctx.keyspace.read(ctx.db, key);
    Ok(value.map(Value::as_vectors).transpose()?)
}

/// The vector set and the reply: both are the context's.
fn read_beside<'c, 'r>(
    ctx: &'c mut Context<'r>,
    key: &[u8],
) -> Result<(Option<&'c VectorSet>, &'c mut (dyn Sink + 'r)), CommandError> {
    let value = ctx.keyspace.read(ctx.db, key);
    Ok((value.map(Value::as_vectors).transpose()?, &mut *ctx.reply))
}

/// Makes sure of room for a list of all elements of a set: who looks for what is near looks at each.
fn reserve_list(ctx: &mut Context, key: &[u8]) -> Outcome {
    let entry = ctx.keyspace.peek(ctx.db, key);
    let set = entry.and_then(|entry| entry.value().as_vectors().ok());
    let len = set.map_or(0, VectorSet::len);
    ctx.reserve(len.saturating_mul(2 * size_of::<Near<'_>>()))
}

/// VCARD key
fn vcard(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 2..=2, "VCARD")?;
    let count = read(ctx, args.at(1))?.map_or(0, VectorSet::len);
    ctx.reply.integer(count as i64);
    Ok(())
}

/// VDIM key
fn vdim(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 2..=2, "VDIM")?;
    let set = read(ctx, args.at(1))?.ok_or(error::NO_VECTOR_SET)?;
    let dimensions = set.shape().dimensions;
    ctx.reply.integer(dimensions as i64);
    Ok(())
}

/// VISMEMBER key element
fn vismember(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 3..=3, "VISMEMBER")?;
    let set = read(ctx, args.at(1))?;
    let is_member = set.is_some_and(|set| set.get(args.at(2)).is_some());
    ctx.reply.boolean(is_member);
    Ok(())
}

/// VGETATTR key element
fn vgetattr(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 3..=3, "VGETATTR")?;
    let (set, reply) = read_beside(ctx, args.at(1))?;
    let element = set.and_then(|set| set.get(args.at(2)));
    reply.bulk_or_null(element.and_then(|element| element.attributes.as_deref()));
    Ok(())
}

/// VEMB key element [RAW]
fn vemb(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 3..=usize::MAX, "VEMB")?;
    let is_raw = match args.get(3) {
        None => false,
        Some(option) if args.len() == 4 && is(option, "RAW") => true,
        Some(_) => return Err(error::INVALID_OPTION),
    };
    let (set, reply) = read_beside(ctx, args.at(1))?;
    let Some((set, element)) =
        set.and_then(|set| set.get(args.at(2)).map(|element| (set, element)))
    else {
        reply.null();
        return Ok(());
    };
    let Element {
        numbers, length, ..
    } = element;
    if is_raw {
        let range = numbers.range();
        reply.array(3 + usize::from(range.is_some()));
        reply.simple(set.shape().precision.name());
        reply.bulk(&numbers.bytes());
        reply.double(f64::from(*length));
        if let Some(range) = range {
            reply.double(f64::from(range));
        }
        return Ok(());
    }
    let vector = element.vector();
    reply.array(vector.len());
    for number in vector {
        reply.double(f64::from(number));
    }
    Ok(())
}

/// VINFO key
fn vinfo(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 2..=2, "VINFO")?;
    let (set, reply) = read_beside(ctx, args.at(1))?;
    let Some(set) = set else {
        reply.null_array();
        return Ok(());
    };
    let shape = set.shape();
    let projected_from = shape
        .projection
        .as_ref()
        .map_or(0, |projection| projection.from);
    reply.map(9);
    reply.simple("quant-type");
    reply.simple(shape.precision.name());
    for (name, number) in [
        ("hnsw-m", shape.links as u64),
        ("vector-dim", shape.dimensions as u64),
        ("projection-input-dim", projected_from as u64),
        ("size", set.len() as u64),
        ("max-level", set.top_level().into()),
        ("attributes-count", set.with_attributes() as u64),
        ("vset-uid", set.number()),
        ("hnsw-max-node-uid", set.last_number()),
    ] {
        reply.simple(name);
        reply.integer(number as i64);
    }
    Ok(())
}

/// Elements that are near, with how near they are or without.
fn answer_near(reply: &mut dyn Sink, near: &[Near<'_>], score: Option<fn(&Near<'_>) -> f64>) {
    match score {
        Some(_) => reply.map(near.len()),
        None => reply.array(near.len()),
    }
    for near in near {
        reply.bulk(near.name);
        if let Some(score) = score {
            reply.double(score(near));
        }
    }
}

/// VLINKS key element [WITHSCORES]
fn vlinks(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 3..=4, "VLINKS")?;
    let score: Option<fn(&Near<'_>) -> f64> = match args.get(3) {
        None => None,
        Some(option) if is(option, "WITHSCORES") => Some(|near| near.link_score()),
        Some(_) => return Err(error::wrong_arity("VLINKS")),
    };
    reserve_list(ctx, args.at(1))?;
    let (set, reply) = read_beside(ctx, args.at(1))?;
    let Some((set, element)) =
        set.and_then(|set| set.get(args.at(2)).map(|element| (set, element)))
    else {
        reply.null();
        return Ok(());
    };
    let levels = set.links(element);
    reply.array(levels.len());
    for links in levels {
        answer_near(reply, &links, score);
    }
    Ok(())
}

/// VRANDMEMBER key [count]
fn vrandmember(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 2..=3, "VRANDMEMBER")?;
    let count = args
        .get(2)
        .map(|count| parse_i64(count).ok_or(error::VECTOR_COUNT));
    let count = count.transpose()?;
    reserve_list(ctx, args.at(1))?;
    let value = ctx.keyspace.read(ctx.db, args.at(1));
    let set = value.map(Value::as_vectors).transpose()?;
    let (set, count) = match (set, count) {
        (None, None) => {
            ctx.reply.null();
            return Ok(());
        }
        (None, Some(_)) | (_, Some(0)) => {
            ctx.reply.array(0);
            return Ok(());
        }
        (Some(set), count) => (set, count),
    };
    let Some(count) = count else {
        let position = ctx.rng.usize(..set.len());
        ctx.reply.bulk_or_null(set.at(position));
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let names: Vec<&[u8]> = set.names().collect();
    if count < 0 {
        ctx.reply.array(wanted);
        for _ in 0..wanted {
            if ctx.reply.is_full() {
                break;
            }
            let name = ctx.rng.choice(&names).copied();
            ctx.reply.bulk_or_null(name);
        }
        return Ok(());
    }
    let mut chosen: Vec<usize> =
        chance::choose(ctx.rng, names.len(), wanted.min(names.len())).collect();
    ctx.rng.shuffle(&mut chosen);
    ctx.reply.array(chosen.len());
    for position in chosen {
        ctx.reply.bulk_or_null(names.get(position).copied());
    }
    Ok(())
}

// ---- what is near ------------------------------------------------------------------------------

/// What VSIM is asked to do beside what is looked for.
struct Search {
    with_scores: bool,
    count: usize,
    farthest: f64,
    filter: Option<Filter>,
    /// Of how many elements, the nearest first, it is asked whether they are wanted; by default of so
    /// many for each that is to be found. All of them for 0.
    tried: Option<usize>,
    is_exact: bool,
}

/// How many elements a filter is tried on for each result.
const TRIED: usize = 100;

impl Search {
    fn parse(args: Args) -> Result<Self, CommandError> {
        let mut search = Search {
            with_scores: false,
            count: DEFAULT_COUNT,
            farthest: f64::MAX,
            filter: None,
            tried: None,
            is_exact: false,
        };
        let mut at = 0;
        while let Some(option) = args.get(at) {
            let value = args.get(at + 1);
            at += 1;
            match value {
                _ if is(option, "TRUTH") => {
                    search.is_exact = true;
                    continue;
                }
                _ if is(option, "WITHSCORES") => {
                    search.with_scores = true;
                    continue;
                }
                _ if is(option, "NOTHREAD") => continue,
                Some(value) if is(option, "COUNT") => {
                    let count = options::integer(value).ok().filter(|count| *count > 0);
                    let count = count.ok_or(error::INVALID_VECTOR_COUNT)?;
                    search.count = usize::try_from(count).unwrap_or(usize::MAX);
                }
                Some(value) if is(option, "EPSILON") => {
                    let farthest = parse_f64(value).filter(|farthest| *farthest > 0.0);
                    search.farthest = farthest.ok_or(error::INVALID_EPSILON)?;
                }
                Some(value) if is(option, "EF") => thoroughness(value, error::INVALID_EF)?,
                Some(value) if is(option, "FILTER-EF") => {
                    let tried = parse_i64(value).and_then(|tried| usize::try_from(tried).ok());
                    search.tried = Some(tried.ok_or(error::INVALID_FILTER_EF)?);
                }
                Some(value) if is(option, "FILTER") => {
                    let filter = Filter::parse(value);
                    search.filter = Some(filter.map_err(|_| error::malformed_filter(value))?);
                }
                _ => return Err(error::VSIM_SYNTAX),
            }
            at += 1;
        }
        Ok(search)
    }
}

/// VSIM key (ELE element | FP32 | VALUES num vector) [WITHSCORES] [COUNT n] [EPSILON n] [EF n]
/// [FILTER expression] [FILTER-EF n] [TRUTH] [NOTHREAD]
fn vsim(ctx: &mut Context, args: Args) -> Outcome {
    arity(args, 4..=usize::MAX, "VSIM")?;
    reserve_list(ctx, args.at(1))?;
    let (set, reply) = read_beside(ctx, args.at(1))?;
    let Some(set) = set else {
        reply.array(0);
        return Ok(());
    };
    let shape = set.shape();
    let (sought, taken) = if is(args.at(2), "ELE") {
        let element = set.get(args.at(3)).ok_or(error::NO_SUCH_ELEMENT)?;
        (element.vector(), 2)
    } else {
        let (vector, taken) = vector(args.from(2))?;
        let got = vector.len();
        let projected = shape.projection.as_ref().map(|projection| projection.from);
        if got != shape.dimensions && Some(got) != projected {
            return Err(error::other_dimensions(got, shape.dimensions));
        }
        (vector, taken)
    };
    let search = Search::parse(args.from(2 + taken))?;
    let mut near = set.near(&set.sought(sought));
    if let Some(filter) = &search.filter {
        let tried = search.tried.unwrap_or(search.count.saturating_mul(TRIED));
        if tried > 0 && !search.is_exact {
            near.truncate(tried);
        }
        near.retain(|near| filter.wants(near.element.attributes.as_deref()));
    }
    near.retain(|near| f64::from(near.distance) <= search.farthest);
    near.truncate(search.count);
    let score: Option<fn(&Near<'_>) -> f64> = if search.with_scores {
        Some(|near| near.score())
    } else {
        None
    };
    answer_near(reply, &near, score);
    Ok(())
}
