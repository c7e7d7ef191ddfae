//! When fields expire: HEXPIRE and its kin set it, HPERSIST takes it away, HTTL and its kin tell it,
//! HSETEX, HGETEX and HGETDEL do so on the way; and what is done with fields whose time is up.
//!
//! Such fields go by themselves, at their time. Only while active expiry is off are there any that a
//! command can meet, and then each command has its own way with them: some remove and tell, some
//! pass over, some count them as if nothing were.

use super::retelling::Retelling;
use super::{change, limits, reserve};
use crate::commands::options::{self, Condition, ExpiryCondition, Since, Unit, When};
use crate::commands::{CommandError, Context, Outcome, bulk_item, error};
use crate::keyspace::{EventClass, Slot};
use crate::resp::Args;
use crate::value::fields::Ttl;
use crate::value::hash::Seed;
use crate::value::{Fields, Value};

/// No field expires later, in milliseconds since the Unix epoch.
const LATEST_MS: i64 = (1 << 46) - 1;

// ---- fields whose time is up -------------------------------------------------------------------

/// Removes those of these fields whose time is up, counts them and tells who follows; returns how
/// many.
fn remove_due<'f>(
    slot: &mut Slot,
    names: impl Iterator<Item = &'f [u8]>,
    seed: &Seed,
) -> Result<usize, CommandError> {
    let now_ms = slot.now_ms();
    let mut removed = 0;
    for name in names {
        let due = match slot.fields()? {
            Some(fields) if fields.has_due(now_ms) => fields
                .find(name, seed)
                .filter(|at| fields.is_due(*at, now_ms)),
            _ => break,
        };
        if let (Some(at), Some(fields)) = (due, slot.fields_mut()?) {
            fields.remove(at);
            slot.propagate_field_gone(name);
            removed += 1;
        }
    }
    slot.count_expired_fields(removed);
    Ok(removed)
}

/// Removes a field that is about to be written, if its time is up; the key too, if it is the last.
pub(super) fn make_way(slot: &mut Slot, name: &[u8], seed: &Seed) -> Outcome {
    if remove_due(slot, std::iter::once(name), seed)? > 0 {
        slot.event(EventClass::HASH, "hexpired");
        if slot.fields()?.is_some_and(Fields::is_empty) {
            slot.remove();
            slot.event(EventClass::GENERIC, "del");
        }
    }
    Ok(())
}

/// Removes those of these fields whose time is up, as reading them does.
pub(super) fn expire_read<'f>(
    ctx: &mut Context,
    key: &[u8],
    names: impl Iterator<Item = &'f [u8]>,
) {
    let seed = ctx.keyspace.seed();
    let mut slot = ctx.keyspace.write(ctx.db, key);
    slot.count_changes(0);
    if remove_due(&mut slot, names, &seed).is_ok_and(|removed| removed > 0) {
        slot.event(EventClass::HASH, "hexpired");
    }
}

/// Removes those of several fields whose time is up, as HMGET does. Redis tells nothing where the
/// first of them to go is the last of the hash.
pub(super) fn expire_read_several<'f>(
    ctx: &mut Context,
    key: &[u8],
    names: impl Iterator<Item = &'f [u8]>,
) {
    let seed = ctx.keyspace.seed();
    let mut slot = ctx.keyspace.write(ctx.db, key);
    slot.count_changes(0);
    let removed = remove_due(&mut slot, names, &seed);
    if removed == Ok(1) && matches!(slot.fields(), Ok(Some(fields)) if fields.is_empty()) {
        slot.remove();
    } else {
        slot.event(EventClass::HASH, "hexpired");
    }
}

/// Removes all fields whose time is up, as choosing at random does.
pub(super) fn expire_all(ctx: &mut Context, key: &[u8]) {
    let mut slot = ctx.keyspace.write(ctx.db, key);
    slot.count_changes(0);
    if slot.remove_due_fields() > 0 {
        slot.event(EventClass::HASH, "hexpired");
    }
}

// ---- arguments ---------------------------------------------------------------------------------

/// `FIELDS numfields field [field ...]`, and nothing after it. `refused` is what the command says of
/// a number that is none or below 1.
fn named(args: Args, refused: CommandError) -> Result<Args, CommandError> {
    if !options::is(args.at(0), "FIELDS") {
        return Err(error::FIELDS_MISSING);
    }
    let count = options::at_least_1_or(args.at(1), refused)?;
    let names = args.from(2);
    if usize::try_from(count) != Ok(names.len()) {
        return Err(error::NUMFIELDS_MISMATCH);
    }
    Ok(names)
}

/// When a field is to expire, in milliseconds since the Unix epoch. It may be past, but neither
/// below 0 nor beyond what Redis has room for.
fn deadline_ms(when: When, now_ms: i64, command: &str) -> Result<i64, CommandError> {
    let number = options::integer(when.text)?;
    if number < 0 {
        return Err(error::EXPIRE_NEGATIVE);
    }
    let start_ms = match when.since {
        Since::Now => now_ms,
        Since::Epoch => 0,
    };
    let unit_ms = match when.unit {
        Unit::Seconds => 1000,
        Unit::Milliseconds => 1,
    };
    number
        .checked_mul(unit_ms)
        .and_then(|ms| ms.checked_add(start_ms))
        .filter(|at_ms| *at_ms <= LATEST_MS)
        .ok_or_else(|| error::invalid_expire(command))
}

// ---- HEXPIRE and HPERSIST ----------------------------------------------------------------------

/// HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
pub(super) fn hexpire(ctx: &mut Context, args: Args) -> Outcome {
    expire_generic(ctx, args, Unit::Seconds, Since::Now, "hexpire")
}

/// HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
pub(super) fn hpexpire(ctx: &mut Context, args: Args) -> Outcome {
    expire_generic(ctx, args, Unit::Milliseconds, Since::Now, "hpexpire")
}

/// HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
pub(super) fn hexpireat(ctx: &mut Context, args: Args) -> Outcome {
    expire_generic(ctx, args, Unit::Seconds, Since::Epoch, "hexpireat")
}

/// HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
pub(super) fn hpexpireat(ctx: &mut Context, args: Args) -> Outcome {
    expire_generic(ctx, args, Unit::Milliseconds, Since::Epoch, "hpexpireat")
}

/// No such field.
const NO_FIELD: i64 = -2;
/// The field does not expire.
const STAYS: i64 = -1;
/// The condition does not hold.
const REFUSED: i64 = 0;
/// Done.
const DONE: i64 = 1;
/// The time is past: the field is gone.
const GONE: i64 = 2;

fn expire_generic(
    ctx: &mut Context,
    args: Args,
    unit: Unit,
    since: Since,
    command: &str,
) -> Outcome {
    let (now_ms, seed) = (ctx.now_ms(), ctx.keyspace.seed());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    slot.fields()?;
    let text = args.at(2);
    let at_ms = deadline_ms(When { text, unit, since }, now_ms, command)?;
    // One condition at most; any other word has to be FIELDS.
    let condition = ExpiryCondition::parse(args.range(3..4)).ok();
    let fields_at = if condition.is_some() { 4 } else { 3 };
    let condition = condition.unwrap_or_default();
    let names = named(args.from(fields_at), error::NUMFIELDS_NOT_ABOVE_0)?;
    reserve(&slot, names.len())?;
    ctx.reply.array(names.len());
    let mut retelling = Retelling::new(&slot, args.at(1));
    let Some(fields) = slot.fields_mut()? else {
        for _ in names.iter() {
            ctx.reply.integer(NO_FIELD);
        }
        return Ok(());
    };
    fields.prepare_for_deadlines();
    let (mut set, mut gone) = (0, 0);
    for name in names.iter() {
        let outcome = match fields.find(name, &seed) {
            None => NO_FIELD,
            Some(at) if !condition.allows(fields.deadline_ms(at), at_ms) => REFUSED,
            Some(at) if at_ms <= now_ms => {
                fields.remove(at);
                retelling.gone(name);
                gone += 1;
                GONE
            }
            Some(at) => {
                fields.set_deadline(at, Some(at_ms));
                retelling.expires(name);
                set += 1;
                DONE
            }
        };
        ctx.reply.integer(outcome);
    }
    tell_deadlines(&mut slot, set, gone);
    retelling.tell(&mut slot, at_ms, args.range(3..fields_at + 1));
    slot.count_changes(set + gone);
    Ok(())
}

/// Tells that fields got a deadline, or went because it was past.
fn tell_deadlines(slot: &mut Slot, set: usize, gone: usize) {
    slot.count_expired_fields(gone);
    match (set, gone) {
        (0, 0) => slot.only_laid_out_differently(),
        (_, 0) => slot.event(EventClass::HASH, "hexpire"),
        _ => slot.event(EventClass::HASH, "hdel"),
    }
}

/// HPERSIST key FIELDS numfields field [field ...]
pub(super) fn hpersist(ctx: &mut Context, args: Args) -> Outcome {
    let (now_ms, seed) = (ctx.now_ms(), ctx.keyspace.seed());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    slot.fields()?;
    let names = named(args.from(2), error::NUMFIELDS_NOT_POSITIVE)?;
    ctx.reply.array(names.len());
    let mut persisted = false;
    let mut fields = slot.fields_mut()?;
    for name in names.iter() {
        let found = fields.as_mut().and_then(|fields| {
            let at = fields.find(name, &seed)?;
            (!fields.is_due(at, now_ms)).then_some((fields, at))
        });
        let outcome = match found {
            None => NO_FIELD,
            Some((fields, at)) if fields.deadline_ms(at).is_none() => STAYS,
            Some((fields, at)) => {
                fields.set_deadline(at, None);
                persisted = true;
                DONE
            }
        };
        ctx.reply.integer(outcome);
    }
    if persisted {
        slot.event(EventClass::HASH, "hpersist");
    } else {
        slot.only_laid_out_differently();
    }
    Ok(())
}

// ---- HTTL --------------------------------------------------------------------------------------

/// HTTL key FIELDS numfields field [field ...]
pub(super) fn httl(ctx: &mut Context, args: Args) -> Outcome {
    ttl_generic(ctx, args, Unit::Seconds, Since::Now)
}

/// HPTTL key FIELDS numfields field [field ...]
pub(super) fn hpttl(ctx: &mut Context, args: Args) -> Outcome {
    ttl_generic(ctx, args, Unit::Milliseconds, Since::Now)
}

/// HEXPIRETIME key FIELDS numfields field [field ...]
pub(super) fn hexpiretime(ctx: &mut Context, args: Args) -> Outcome {
    ttl_generic(ctx, args, Unit::Seconds, Since::Epoch)
}

/// HPEXPIRETIME key FIELDS numfields field [field ...]
pub(super) fn hpexpiretime(ctx: &mut Context, args: Args) -> Outcome {
    ttl_generic(ctx, args, Unit::Milliseconds, Since::Epoch)
}

/// -2 for no field, -1 for one that stays, else the time; seconds are rounded up.
fn ttl_generic(ctx: &mut Context, args: Args, unit: Unit, since: Since) -> Outcome {
    let (now_ms, seed) = (ctx.now_ms(), ctx.keyspace.seed());
    let value = ctx.keyspace.read(ctx.db, args.at(1));
    let fields = value.map(Value::as_fields).transpose()?;
    let names = named(args.from(2), error::NUMFIELDS_NOT_POSITIVE)?;
    ctx.reply.array(names.len());
    for name in names.iter() {
        let found = fields.and_then(|fields| {
            let at = fields.find(name, &seed)?;
            (!fields.is_due(at, now_ms)).then(|| fields.deadline_ms(at))
        });
        let shown = match (found, since) {
            (None, _) => NO_FIELD,
            (Some(None), _) => STAYS,
            (Some(Some(at_ms)), Since::Now) => in_unit(at_ms - now_ms, unit),
            (Some(Some(at_ms)), Since::Epoch) => in_unit(at_ms, unit),
        };
        ctx.reply.integer(shown);
    }
    Ok(())
}

fn in_unit(ms: i64, unit: Unit) -> i64 {
    match unit {
        Unit::Milliseconds => ms,
        Unit::Seconds => (ms + 999) / 1000,
    }
}

// ---- HSETEX, HGETEX and HGETDEL ----------------------------------------------------------------

struct SetExArgs<'a> {
    /// FNX or FXX: all fields have to be missing, or all have to be there.
    condition: Option<Condition>,
    deadline_ms: Option<i64>,
    /// Which argument says how the deadline is counted, unless it is PXAT.
    counted_at: Option<usize>,
    keeps_ttl: bool,
    /// Fields and values in turn.
    pairs: Args<'a>,
}

impl<'a> SetExArgs<'a> {
    const COMMAND: &'static str = "hsetex";

    fn parse(args: Args<'a>, now_ms: i64) -> Result<Self, CommandError> {
        let mut set = SetExArgs {
            condition: None,
            deadline_ms: None,
            counted_at: None,
            keeps_ttl: false,
            pairs: args.range(0..0),
        };
        let mut at = 2;
        while let Some(option) = args.get(at) {
            at += 1;
            if options::is(option, "FIELDS") {
                set.pairs = Self::pairs(args.from(at))?;
                return Ok(set);
            } else if options::is(option, "FNX") {
                set.require(Condition::IfMissing)?;
            } else if options::is(option, "FXX") {
                set.require(Condition::IfExists)?;
            } else if options::is(option, "KEEPTTL") {
                set.has_no_expiry_yet()?;
                set.keeps_ttl = true;
            } else if let Some((unit, since)) = options::counted_in(option) {
                set.has_no_expiry_yet()?;
                let text = args.get(at).ok_or_else(Self::wrong_arity)?;
                let when = When { text, unit, since };
                set.deadline_ms = Some(deadline_ms(when, now_ms, Self::COMMAND)?);
                let is_pxat = (unit, since) == (Unit::Milliseconds, Since::Epoch);
                set.counted_at = Some(at - 1).filter(|_| !is_pxat);
                at += 1;
            } else {
                return Err(error::unknown_argument(option));
            }
        }
        Err(Self::wrong_arity())
    }

    fn wrong_arity() -> CommandError {
        error::wrong_arity(Self::COMMAND)
    }

    fn require(&mut self, condition: Condition) -> Outcome {
        match self.condition.replace(condition) {
            Some(_) => Err(error::HSETEX_CONDITIONS),
            None => Ok(()),
        }
    }

    fn has_no_expiry_yet(&self) -> Outcome {
        if self.deadline_ms.is_some() || self.keeps_ttl {
            return Err(error::HSETEX_EXPIRIES);
        }
        Ok(())
    }

    /// `numfields field value [field value ...]`, and nothing after it.
    fn pairs(args: Args<'a>) -> Result<Args<'a>, CommandError> {
        if args.len() < 3 {
            return Err(Self::wrong_arity());
        }
        let count = options::at_least_1_or(args.at(0), error::NUMFIELDS_INVALID)?;
        let count = i32::try_from(count).map_err(|_| error::NUMFIELDS_INVALID)?;
        let pairs = args.from(1);
        if !pairs.len().is_multiple_of(2) || pairs.len() / 2 != count as usize {
            return Err(Self::wrong_arity());
        }
        Ok(pairs)
    }

    fn names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.pairs.iter().step_by(2)
    }

    /// Tells it with the time at which the fields expire.
    fn propagate(&self, slot: &mut Slot, args: Args, at_ms: i64) {
        let Some(counted_at) = self.counted_at else {
            return;
        };
        slot.propagate_as(|words| {
            for at in 0..args.len() {
                match at.checked_sub(counted_at) {
                    Some(0) => words.push(b"PXAT"),
                    Some(1) => words.push_integer(at_ms),
                    _ => words.push(args.at(at)),
                }
            }
        });
    }
}

/// HSETEX key [FNX | FXX] [EX s | PX ms | EXAT t | PXAT t | KEEPTTL] FIELDS numfields field value
/// [field value ...]
pub(super) fn hsetex(ctx: &mut Context, args: Args) -> Outcome {
    let now_ms = ctx.now_ms();
    let set = SetExArgs::parse(args, now_ms)?;
    let (limits, seed) = (limits(ctx.config), ctx.keyspace.seed());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    slot.fields()?;
    if let Some(condition) = set.condition {
        for name in set.names() {
            // Nobody is told of fields that go here, and the hash stays for now without any.
            remove_due(&mut slot, std::iter::once(name), &seed)?;
            let fields = slot.fields()?;
            if !condition.holds(fields.is_some_and(|f| f.find(name, &seed).is_some())) {
                slot.count_changes(0);
                drop(slot);
                ctx.reply.integer(0);
                return Ok(());
            }
        }
    }
    let count = set.pairs.len() / 2;
    reserve(&slot, count)?;
    let (mut expiring, mut gone) = (0, 0);
    let mut retelling = Retelling::new(&slot, args.at(1));
    change(&mut slot, |fields| {
        fields.prepare_for(set.pairs.iter(), &limits, &seed);
        if set.deadline_ms.is_some() {
            fields.prepare_for_deadlines();
        }
        let ttl = if set.keeps_ttl || set.deadline_ms.is_some() {
            Ttl::Kept
        } else {
            Ttl::Dropped
        };
        for (at, name) in set.names().enumerate() {
            let value = set.pairs.at(2 * at + 1);
            fields.set(name, value, ttl, &limits, &seed);
            let Some(at_ms) = set.deadline_ms else {
                continue;
            };
            if let Some(at) = fields.find(name, &seed) {
                if at_ms <= now_ms {
                    fields.remove(at);
                    retelling.gone(name);
                    gone += 1;
                } else {
                    fields.set_deadline(at, Some(at_ms));
                    expiring += 1;
                }
            }
        }
    })?;
    slot.event(EventClass::HASH, "hset");
    if let Some(at_ms) = set.deadline_ms {
        tell_deadlines(&mut slot, expiring, gone);
        if gone == 0 {
            set.propagate(&mut slot, args, at_ms);
        }
        retelling.tell_gone(&mut slot);
    }
    slot.count_changes(count);
    drop(slot);
    ctx.reply.integer(1);
    Ok(())
}

/// What HGETEX does about when a field expires.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nothing.
    Leave,
    /// EX, PX, EXAT or PXAT, in milliseconds since the Unix epoch.
    ExpireAt(i64),
    /// PERSIST
    Persist,
}

/// HGETEX key [EX s | PX ms | EXAT t | PXAT t | PERSIST] FIELDS numfields field [field ...]
pub(super) fn hgetex(ctx: &mut Context, args: Args) -> Outcome {
    const COMMAND: &str = "hgetex";
    let (now_ms, seed) = (ctx.now_ms(), ctx.keyspace.seed());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    slot.fields()?;
    let option = args.at(2);
    let (then, rest) = if let Some((unit, since)) = options::counted_in(option) {
        let text = args.at(3);
        let at_ms = deadline_ms(When { text, unit, since }, now_ms, COMMAND)?;
        (Then::ExpireAt(at_ms), args.from(4))
    } else if options::is(option, "PERSIST") {
        (Then::Persist, args.from(3))
    } else {
        (Then::Leave, args.from(2))
    };
    if rest.len() < 2 {
        return Err(error::wrong_arity(COMMAND));
    }
    let names = named(rest, error::NUMFIELDS_NOT_POSITIVE)?;
    reserve(&slot, names.len())?;
    ctx.reply.array(names.len());
    let mut retelling = Retelling::new(&slot, args.at(1));
    let mut overdue = Retelling::new(&slot, args.at(1));
    let Some(fields) = slot.fields_mut()? else {
        for _ in names.iter() {
            ctx.reply.null();
        }
        return Ok(());
    };
    if then != Then::Leave {
        fields.prepare_for_deadlines();
    }
    let (mut expired, mut expiring, mut gone, mut persisted) = (0, 0, 0, 0);
    for name in names.iter() {
        let Some(at) = fields.find(name, &seed) else {
            ctx.reply.null();
            continue;
        };
        if fields.is_due(at, now_ms) {
            ctx.reply.null();
            fields.remove(at);
            overdue.gone(name);
            expired += 1;
            continue;
        }
        bulk_item(ctx.reply, fields.value(at));
        match then {
            Then::ExpireAt(at_ms) if at_ms <= now_ms => {
                fields.remove(at);
                retelling.gone(name);
                gone += 1;
            }
            Then::ExpireAt(at_ms) => {
                fields.set_deadline(at, Some(at_ms));
                expiring += 1;
            }
            Then::Persist if fields.deadline_ms(at).is_some() => {
                fields.set_deadline(at, None);
                persisted += 1;
            }
            Then::Persist | Then::Leave => {}
        }
    }
    slot.count_expired_fields(expired + gone);
    slot.count_changes(expiring + gone + persisted);
    overdue.tell_gone(&mut slot);
    match then {
        Then::ExpireAt(at_ms) if expiring > 0 => slot.propagate_as(|words| {
            words.push(b"HPEXPIREAT");
            words.push(args.at(1));
            words.push_integer(at_ms);
            rest.iter().for_each(|word| words.push(word));
        }),
        Then::Persist if persisted > 0 => slot.propagate_as(|words| {
            words.push(b"HPERSIST");
            words.push(args.at(1));
            rest.iter().for_each(|word| words.push(word));
        }),
        _ => retelling.tell_gone(&mut slot),
    }
    if expired > 0 {
        slot.event(EventClass::HASH, "hexpired");
    }
    if gone > 0 {
        slot.event(EventClass::HASH, "hdel");
    } else if expiring > 0 {
        slot.event(EventClass::HASH, "hexpire");
    } else if persisted > 0 {
        slot.event(EventClass::HASH, "hpersist");
    } else if expired == 0 {
        slot.only_laid_out_differently();
    }
    Ok(())
}

/// HGETDEL key FIELDS numfields field [field ...]
pub(super) fn hgetdel(ctx: &mut Context, args: Args) -> Outcome {
    let (now_ms, seed) = (ctx.now_ms(), ctx.keyspace.seed());
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    slot.fields()?;
    let names = named(args.from(2), error::NUMFIELDS_NOT_POSITIVE)?;
    ctx.reply.array(names.len());
    let mut overdue = Retelling::new(&slot, args.at(1));
    let mut fields = slot.fields_mut()?;
    let (mut expired, mut removed) = (0, 0);
    for name in names.iter() {
        let found = fields
            .as_mut()
            .and_then(|fields| fields.find(name, &seed).map(|at| (fields, at)));
        let Some((fields, at)) = found else {
            ctx.reply.null();
            continue;
        };
        if fields.is_due(at, now_ms) {
            ctx.reply.null();
            overdue.gone(name);
            expired += 1;
        } else {
            bulk_item(ctx.reply, fields.value(at));
            removed += 1;
        }
        fields.remove(at);
    }
    slot.count_expired_fields(expired);
    slot.count_changes(removed);
    overdue.tell_gone(&mut slot);
    if removed > 0 {
        slot.propagate_as(|words| {
            words.push(b"HDEL");
            words.push(args.at(1));
            names.iter().for_each(|name| words.push(name));
        });
    }
    if expired > 0 {
        slot.event(EventClass::HASH, "hexpired");
    }
    if removed > 0 {
        slot.event(EventClass::HASH, "hdel");
    } else if expired == 0 {
        slot.only_laid_out_differently();
    }
    Ok(())
}
