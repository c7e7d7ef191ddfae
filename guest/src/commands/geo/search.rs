//! Finding members by where they are: GEOSEARCH, GEORADIUS and their variants, answered or stored.
//! Owns their options and in which order what was found is answered.

use super::super::sorted_sets::{make, read, store};
use super::super::{CommandError, Context, Outcome, bulk_item, error, options};
use super::{answer_distance, answer_place, place, sorting, unit_m};
use crate::resp::Args;
use crate::value::geohash::{Form, Place, Shape};
use crate::value::hash::Seed;
use crate::value::sorted_set::{End, Scored};
use crate::value::{Item, SortedSet, Value};

// ---- what is asked for -------------------------------------------------------------------------

/// The commands that differ in what they take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    /// Around a place, or around a member; whether the result may be stored.
    Radius { by_member: bool, may_store: bool },
    /// GEOSEARCH
    Search,
    /// GEOSEARCHSTORE
    SearchStore,
}

impl Command {
    fn is_search(self) -> bool {
        matches!(self, Command::Search | Command::SearchStore)
    }
}

/// ASC or DESC
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    NearestFirst,
    FarthestFirst,
}

/// Where a result goes, and what its scores are.
#[derive(Clone, Copy)]
struct Destination<'a> {
    key: &'a [u8],
    /// Distances rather than places.
    distances: bool,
}

/// A search, as far as it has been said.
#[derive(Default)]
struct Search<'a> {
    center: Option<Place>,
    form: Option<(Form, f64)>,
    order: Option<Order>,
    /// How many, 0 for all.
    count: usize,
    /// Those found first will do.
    any: bool,
    with_distance: bool,
    with_score: bool,
    with_place: bool,
    destination: Option<Destination<'a>>,
}

/// `radius unit`
fn circle(radius: &[u8], unit: &[u8]) -> Result<(Form, f64), CommandError> {
    let radius = options::double(radius).map_err(|_| error::RADIUS_NOT_A_NUMBER)?;
    if radius < 0.0 {
        return Err(error::RADIUS_IS_NEGATIVE);
    }
    Ok((Form::Circle(radius), unit_m(unit)?))
}

/// `width height unit`
fn rectangle(width: &[u8], height: &[u8], unit: &[u8]) -> Result<(Form, f64), CommandError> {
    let width = options::double(width).map_err(|_| error::WIDTH_NOT_A_NUMBER)?;
    let height = options::double(height).map_err(|_| error::HEIGHT_NOT_A_NUMBER)?;
    if width < 0.0 || height < 0.0 {
        return Err(error::BOX_IS_NEGATIVE);
    }
    Ok((Form::Box { width, height }, unit_m(unit)?))
}

/// A set that members may be the centre of; where there is no set, anything will do.
struct Centers<'k> {
    set: Option<&'k SortedSet>,
    seed: Seed,
}

impl Centers<'_> {
    fn place(&self, member: &[u8]) -> Result<Option<Place>, CommandError> {
        let Some(set) = self.set else {
            return Ok(None);
        };
        let score = set.score(member, &self.seed);
        let score = score.ok_or(error::MEMBER_WITHOUT_PLACE)?;
        Ok(Some(Place::from_score(score)))
    }
}

impl<'a> Search<'a> {
    fn parse(args: Args<'a>, command: Command, centers: &Centers) -> Result<Self, CommandError> {
        let mut search = Search::default();
        let options = match command {
            Command::Radius {
                by_member: false, ..
            } => {
                search.center = Some(place(args.at(2), args.at(3))?);
                search.form = Some(circle(args.at(4), args.at(5))?);
                args.from(6)
            }
            Command::Radius {
                by_member: true, ..
            } => {
                search.center = centers.place(args.at(2))?;
                // Looked at only once there is a set.
                if search.center.is_some() {
                    search.form = Some(circle(args.at(3), args.at(4))?);
                }
                args.from(5)
            }
            Command::Search => args.from(2),
            Command::SearchStore => {
                search.destination = Some(Destination {
                    key: args.at(1),
                    distances: false,
                });
                args.from(3)
            }
        };
        let (from_member, from_place) = search.options(options, command, centers)?;
        if search.destination.is_some()
            && (search.with_distance || search.with_score || search.with_place)
        {
            return Err(match command {
                Command::SearchStore => error::GEOSEARCHSTORE_WITH,
                _ => error::GEORADIUS_STORE_WITH,
            });
        }
        if command.is_search() {
            if !from_member && !from_place {
                return Err(error::no_center(args.at(0)));
            }
            if search.form.is_none() {
                return Err(error::no_shape(args.at(0)));
            }
        }
        if search.any && search.count == 0 {
            return Err(error::ANY_WITHOUT_COUNT);
        }
        // To find some of the nearest means to know which those are.
        if search.count > 0 && !search.any {
            search.order.get_or_insert(Order::NearestFirst);
        }
        Ok(search)
    }

    /// Takes all options; returns whether the centre was given by a member, or by a place.
    fn options(
        &mut self,
        options: Args<'a>,
        command: Command,
        centers: &Centers,
    ) -> Result<(bool, bool), CommandError> {
        let may_store = matches!(
            command,
            Command::Radius {
                may_store: true,
                ..
            }
        );
        let (mut from_member, mut from_place) = (false, false);
        let mut at = 0;
        while let Some(option) = options.get(at) {
            let is = |word| options::is(option, word);
            let is_form = |form: fn(&Form) -> bool| self.form.is_none_or(|known| form(&known.0));
            let next = [1, 2, 3].map(|further| options.get(at + further));
            at += 1;
            match next {
                _ if is("WITHDIST") => self.with_distance = true,
                _ if is("WITHHASH") => self.with_score = true,
                _ if is("WITHCOORD") => self.with_place = true,
                _ if is("ANY") => self.any = true,
                _ if is("ASC") => self.order = Some(Order::NearestFirst),
                _ if is("DESC") => self.order = Some(Order::FarthestFirst),
                [Some(count), ..] if is("COUNT") => {
                    let count = options::integer(count)?;
                    if count <= 0 {
                        return Err(error::GEO_COUNT_NOT_POSITIVE);
                    }
                    self.count = usize::try_from(count).unwrap_or(usize::MAX);
                    at += 1;
                }
                [Some(key), ..] if may_store && (is("STORE") || is("STOREDIST")) => {
                    self.destination = Some(Destination {
                        key,
                        distances: is("STOREDIST"),
                    });
                    at += 1;
                }
                _ if command == Command::SearchStore && is("STOREDIST") => {
                    if let Some(destination) = &mut self.destination {
                        destination.distances = true;
                    }
                }
                [Some(member), ..] if command.is_search() && is("FROMMEMBER") && !from_place => {
                    self.center = centers.place(member)?;
                    from_member = true;
                    at += 1;
                }
                [Some(longitude), Some(latitude), _]
                    if command.is_search() && is("FROMLONLAT") && !from_member =>
                {
                    self.center = Some(place(longitude, latitude)?);
                    from_place = true;
                    at += 2;
                }
                [Some(radius), Some(unit), _]
                    if command.is_search()
                        && is("BYRADIUS")
                        && is_form(|form| matches!(form, Form::Circle(_))) =>
                {
                    self.form = Some(circle(radius, unit)?);
                    at += 2;
                }
                [Some(width), Some(height), Some(unit)]
                    if command.is_search()
                        && is("BYBOX")
                        && is_form(|form| matches!(form, Form::Box { .. })) =>
                {
                    self.form = Some(rectangle(width, height, unit)?);
                    at += 3;
                }
                _ => return Err(error::SYNTAX),
            }
        }
        Ok((from_member, from_place))
    }

    fn shape(&self) -> Option<Shape> {
        let (form, unit_m) = self.form?;
        Some(Shape {
            center: self.center?,
            form,
            unit_m,
        })
    }
}

// ---- finding -----------------------------------------------------------------------------------

/// A member inside the shape.
#[derive(Clone, Copy)]
struct Found<'k> {
    member: Item<'k>,
    score: f64,
    place: Place,
    distance_m: f64,
}

/// What a member that was found takes while the others are looked for.
const FOUND_BYTES: usize = 2 * size_of::<Found>();

/// The members inside a shape, cell by cell, until there are `most`.
fn find<'k>(
    ctx: &Context,
    set: &'k SortedSet,
    shape: &Shape,
    most: usize,
) -> Result<Vec<Found<'k>>, CommandError> {
    let mut found: Vec<Found> = Vec::new();
    for cell in shape.cells() {
        let ranks = set.ranks_by_score(&cell.scores());
        ctx.reserve(ranks.len().min(most).saturating_mul(FOUND_BYTES))?;
        for scored in set.items_at(ranks, End::Lowest) {
            if found.len() >= most {
                return Ok(found);
            }
            let score = scored.score();
            let place = Place::from_score(score);
            if let Some(distance_m) = shape.distance_if_inside_m(place) {
                found.push(Found {
                    member: scored.member,
                    score,
                    place,
                    distance_m,
                });
            }
        }
    }
    Ok(found)
}

/// Brings what was found in order, as far as it is answered, and leaves out the rest.
fn select(found: &mut Vec<Found>, search: &Search) {
    let wanted = match search.count {
        0 => found.len(),
        count => count.min(found.len()),
    };
    let distance = |found: &Found| found.distance_m;
    match search.order {
        None => {}
        Some(order) if wanted == found.len() => {
            sorting::sort(found, distance, order == Order::FarthestFirst);
        }
        Some(order) => {
            sorting::sort_first(found, wanted, distance, order == Order::FarthestFirst);
        }
    }
    found.truncate(wanted);
}

/// What is stored: places or distances as scores, in order, no member twice.
fn as_scored<'k>(found: &[Found<'k>], distances: bool, unit_m: f64) -> Vec<Scored<'k>> {
    let score = |found: &Found| match found.distance_m / unit_m {
        _ if !distances => found.score,
        // No two places are known that are so far apart, but a score has to be a number.
        distance if distance.is_nan() => f64::INFINITY,
        distance => distance,
    };
    let mut scored: Vec<Scored> = found
        .iter()
        .map(|found| Scored::new(found.member, score(found)))
        .collect();
    scored.sort_by(|one, other| {
        let by_score = one.score().total_cmp(&other.score());
        by_score.then_with(|| one.member.bytes().cmp(&other.member.bytes()))
    });
    scored.dedup_by(|one, other| one.member == other.member);
    scored
}

fn search_generic(ctx: &mut Context, args: Args, command: Command) -> Outcome {
    let source = match command {
        Command::SearchStore => args.at(2),
        _ => args.at(1),
    };
    read(ctx, source)?;
    let value = ctx.keyspace.value(ctx.db, source);
    let set = value.map(Value::as_sorted_set).transpose()?;
    let centers = Centers {
        set,
        seed: ctx.keyspace.seed(),
    };
    let search = Search::parse(args, command, &centers)?;
    let mut found = Vec::new();
    let mut unit_m = 1.0;
    if let (Some(set), Some(shape)) = (set, search.shape()) {
        let most = if search.any { search.count } else { usize::MAX };
        found = find(ctx, set, &shape, most)?;
        select(&mut found, &search);
        unit_m = shape.unit_m;
    }
    if let Some(destination) = search.destination {
        let scored = as_scored(&found, destination.distances, unit_m);
        let result = make(ctx, scored.into_iter())?;
        let event = if command.is_search() {
            "geosearchstore"
        } else {
            "georadiusstore"
        };
        let changes = result.len();
        store(ctx, destination.key, result, event, changes);
        return Ok(());
    }
    let details = [search.with_distance, search.with_score, search.with_place];
    let details = details.into_iter().filter(|with| *with).count();
    ctx.reply.array(found.len());
    for found in &found {
        if details > 0 {
            ctx.reply.array(1 + details);
        }
        bulk_item(ctx.reply, found.member);
        if search.with_distance {
            answer_distance(ctx.reply, found.distance_m / unit_m);
        }
        if search.with_score {
            ctx.reply.integer(found.score as i64);
        }
        if search.with_place {
            answer_place(ctx.reply, found.place);
        }
    }
    Ok(())
}

// ---- the commands ------------------------------------------------------------------------------

/// GEORADIUS key longitude latitude radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH]
/// [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]
pub(super) fn georadius(ctx: &mut Context, args: Args) -> Outcome {
    let command = Command::Radius {
        by_member: false,
        may_store: true,
    };
    search_generic(ctx, args, command)
}

/// GEORADIUS_RO key longitude latitude radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH]
/// [COUNT count [ANY]] [ASC | DESC]
pub(super) fn georadius_ro(ctx: &mut Context, args: Args) -> Outcome {
    let command = Command::Radius {
        by_member: false,
        may_store: false,
    };
    search_generic(ctx, args, command)
}

/// GEORADIUSBYMEMBER key member radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH]
/// [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]
pub(super) fn georadiusbymember(ctx: &mut Context, args: Args) -> Outcome {
    let command = Command::Radius {
        by_member: true,
        may_store: true,
    };
    search_generic(ctx, args, command)
}

/// GEORADIUSBYMEMBER_RO key member radius M | KM | FT | MI [WITHCOORD] [WITHDIST] [WITHHASH]
/// [COUNT count [ANY]] [ASC | DESC]
pub(super) fn georadiusbymember_ro(ctx: &mut Context, args: Args) -> Outcome {
    let command = Command::Radius {
        by_member: true,
        may_store: false,
    };
    search_generic(ctx, args, command)
}

/// GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude
/// BYRADIUS radius M | KM | FT | MI | BYBOX width height M | KM | FT | MI
/// [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
pub(super) fn geosearch(ctx: &mut Context, args: Args) -> Outcome {
    search_generic(ctx, args, Command::Search)
}

/// GEOSEARCHSTORE destination source FROMMEMBER member | FROMLONLAT longitude latitude
/// BYRADIUS radius M | KM | FT | MI | BYBOX width height M | KM | FT | MI
/// [ASC | DESC] [COUNT count [ANY]] [STOREDIST]
pub(super) fn geosearchstore(ctx: &mut Context, args: Args) -> Outcome {
    search_generic(ctx, args, Command::SearchStore)
}
