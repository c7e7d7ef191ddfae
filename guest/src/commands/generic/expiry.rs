//! When keys expire: EXPIRE and its kin set it, PERSIST takes it away, TTL and its kin tell it.

use crate::commands::options::{ExpiryCondition, Since, Unit, When};
use crate::commands::{Context, Outcome};
use crate::keyspace::EventClass;
use crate::resp::Args;

/// EXPIRE key seconds [NX | XX | GT | LT]
pub(super) fn expire(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    expire_generic(ctx, args, Unit::Seconds, Since::Now, "expire")
}

/// EXPIREAT key unix-time-seconds [NX | XX | GT | LT]
pub(super) fn expireat(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    expire_generic(ctx, args, Unit::Seconds, Since::Epoch, "expireat")
}

/// PEXPIRE key milliseconds [NX | XX | GT | LT]
pub(super) fn pexpire(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    expire_generic(ctx, args, Unit::Milliseconds, Since::Now, "pexpire")
}

/// PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]
pub(super) fn pexpireat(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    expire_generic(ctx, args, Unit::Milliseconds, Since::Epoch, "pexpireat")
}

fn expire_generic(
    ctx: &mut Context<'_>,
    args: Args<'_>,
    unit: Unit,
    since: Since,
    command: &str,
) -> Outcome {
    let now_ms = ctx.now_ms();
    let condition = ExpiryCondition::parse(args.from(3))?;
    let at_ms = When {
        text: args.at(2),
        unit,
        since,
    }
    .any_deadline_ms(now_ms, command)?;
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let allowed = slot.exists() && condition.allows(slot.deadline_ms(), at_ms);
    if allowed && at_ms <= now_ms {
        slot.remove();
        slot.propagate_removal(ctx.config.lazyfree_lazy_expire);
        slot.event(EventClass::GENERIC, "del");
    } else if allowed {
        slot.expire_at_ms(at_ms);
        if (unit, since) != (Unit::Milliseconds, Since::Epoch) {
            slot.propagate_as(|words| {
                words.push(b"PEXPIREAT");
                words.push(args.at(1));
                words.push_integer(at_ms);
                args.from(3).iter().for_each(|option| words.push(option));
            });
        }
        slot.event(EventClass::GENERIC, "expire");
    }
    drop(slot);
    ctx.reply.integer(allowed.into());
    Ok(())
}

/// PERSIST key
pub(super) fn persist(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let persisted = slot.persist();
    if persisted {
        slot.event(EventClass::GENERIC, "persist");
    }
    drop(slot);
    ctx.reply.integer(persisted.into());
    Ok(())
}

/// TTL key
pub(super) fn ttl(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    ttl_generic(ctx, args, Unit::Seconds, Since::Now)
}

/// PTTL key
pub(super) fn pttl(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    ttl_generic(ctx, args, Unit::Milliseconds, Since::Now)
}

/// EXPIRETIME key
pub(super) fn expiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    ttl_generic(ctx, args, Unit::Seconds, Since::Epoch)
}

/// PEXPIRETIME key
pub(super) fn pexpiretime(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    ttl_generic(ctx, args, Unit::Milliseconds, Since::Epoch)
}

/// -2 for no key, -1 for one that stays, else the time; seconds are rounded to the nearest.
fn ttl_generic(ctx: &mut Context<'_>, args: Args<'_>, unit: Unit, since: Since) -> Outcome {
    let key = args.at(1);
    let shown = if !ctx.keyspace.exists(ctx.db, key) {
        -2
    } else if let Some(at_ms) = ctx.keyspace.deadline_ms(ctx.db, key).flatten() {
        let ms = match since {
            Since::Now => at_ms.saturating_sub(ctx.now_ms()).max(0),
            Since::Epoch => at_ms,
        };
        match unit {
            Unit::Milliseconds => ms,
            // Unsigned: the largest deadline there is has room for the 500.
            Unit::Seconds => ((ms as u64 + 500) / 1000) as i64,
        }
    } else {
        -1
    };
    ctx.reply.integer(shown);
    Ok(())
}
