//! A cluster of one node, with `cluster-enabled yes`: which slots the node owns, and whether a request
//! may run there. It owns all of them from the start, so that clients find a cluster that works, and
//! as long as nobody says otherwise: who sets a cluster up gives the node its slots, as a new one has
//! none. There is no other node, and none can be met.

mod commands;
mod describe;

pub(super) use commands::HANDLERS;

use super::{Connection, Server};
use crate::commands::table::{CommandSpec, Flags, places_of};
use crate::commands::{Outcome, error};
use crate::config::Config;
use crate::resp::Args;
use crate::value::cluster_slot::{self, SLOTS};

/// Some of the slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots([u64; SLOTS / 64]);

impl Slots {
    const NONE: Slots = Slots([0; SLOTS / 64]);
    const ALL: Slots = Slots([u64::MAX; SLOTS / 64]);

    fn has(&self, slot: u16) -> bool {
        self.0[usize::from(slot) / 64] >> (slot % 64) & 1 == 1
    }

    fn set(&mut self, slot: u16, owned: bool) {
        let (word, bit) = (&mut self.0[usize::from(slot) / 64], 1 << (slot % 64));
        if owned {
            *word |= bit;
        } else {
            *word &= !bit;
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The first and the last of each run of slots.
    fn ranges(&self) -> Vec<(u16, u16)> {
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for slot in (0..SLOTS as u16).filter(|slot| self.has(*slot)) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == slot => *last = slot,
                _ => ranges.push((slot, slot)),
            }
        }
        ranges
    }
}

/// What the one node is.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// 40 hexadecimal digits.
    id: String,
    /// The same of its shard.
    shard_id: String,
    slots: Slots,
    /// Nobody gave it slots, or took any: it has those that it began with.
    is_as_begun: bool,
    epoch: u64,
}

impl Cluster {
    /// A node that owns all slots.
    pub fn new(rng: &mut fastrand::Rng) -> Self {
        Cluster {
            id: random_id(rng),
            shard_id: random_id(rng),
            slots: Slots::ALL,
            is_as_begun: true,
            epoch: 0,
        }
    }

    /// True if requests are served.
    fn is_ok(&self, config: &Config) -> bool {
        match self.slots.len() {
            SLOTS => true,
            0 => false,
            _ => !config.cluster_require_full_coverage,
        }
    }
}

fn random_id(rng: &mut fastrand::Rng) -> String {
    (0..40).map(|_| rng.digit(16)).collect()
}

impl Server {
    /// Whether the keys of a request may be used together, and here.
    #[cold]
    pub(super) fn check_slots(
        &mut self,
        connection: Connection,
        spec: &'static CommandSpec,
        args: Args<'_>,
    ) -> Outcome {
        let Some(cluster) = &self.cluster else {
            return Ok(());
        };
        let transaction = self
            .clients
            .get(connection)
            .and_then(|client| client.transaction.as_ref())
            .filter(|_| spec.name == "exec");
        let Some(transaction) = transaction else {
            let slot = slot_of(cluster, None, spec, args)?;
            let is_sharded = matches!(spec.name, "spublish" | "ssubscribe");
            return serves(cluster, &self.config, slot, spec.flags, is_sharded);
        };
        let checked = transaction
            .queued()
            .try_fold(None, |slot, (spec, args)| {
                slot_of(cluster, slot, spec, args)
            })
            .and_then(|slot| serves(cluster, &self.config, slot, transaction.flags(), false));
        if checked.is_err() {
            // The transaction ends with that, and its end is no news of its own.
            self.clients.current(connection).transaction = None;
            self.forget_watches(connection);
        }
        checked
    }

    /// The slot of the keys of a command that a script calls, if it may use them together.
    pub(super) fn slot_in_script(
        &self,
        spec: &'static CommandSpec,
        args: Args<'_>,
    ) -> Result<Option<u16>, error::CommandError> {
        let Some(cluster) = &self.cluster else {
            return Ok(None);
        };
        let slot = slot_of(cluster, None, spec, args)
            .and_then(|slot| serves(cluster, &self.config, slot, spec.flags, false).map(|()| slot));
        slot.map_err(|refused| {
            if refused == error::CROSS_SLOT {
                error::cross_slot_command(spec.name)
            } else if refused == error::SLOT_NOT_SERVED {
                error::SLOT_NOT_SERVED_IN_SCRIPT
            } else if refused == error::CLUSTER_READ_ONLY {
                error::CLUSTER_READ_ONLY_IN_SCRIPT
            } else {
                error::CLUSTER_DOWN_IN_SCRIPT
            }
        })
    }

    /// How many keys there are in a slot.
    fn keys_in_slot(&self, slot: u16) -> impl Iterator<Item = &[u8]> {
        self.keyspace
            .entries(0)
            .map(|entry| entry.key())
            .filter(move |key| cluster_slot::of_key(key) == slot)
    }
}

/// The slot that the keys of a request are in, which has to be `slot` if there is one already.
fn slot_of(
    cluster: &Cluster,
    slot: Option<u16>,
    spec: &CommandSpec,
    args: Args<'_>,
) -> Result<Option<u16>, error::CommandError> {
    let mut common = slot;
    for place in places_of(spec, args) {
        let slot = cluster_slot::of_key(args.at(place));
        match common {
            None if !cluster.slots.has(slot) => return Err(error::SLOT_NOT_SERVED),
            None => common = Some(slot),
            Some(common) if common != slot => return Err(error::CROSS_SLOT),
            Some(_) => {}
        }
    }
    Ok(common)
}

/// Whether the cluster is in a state to serve a request for a slot. One without keys it always is.
fn serves(
    cluster: &Cluster,
    config: &Config,
    slot: Option<u16>,
    flags: Flags,
    is_sharded: bool,
) -> Outcome {
    if slot.is_none() || cluster.is_ok(config) {
        return Ok(());
    }
    if is_sharded && config.cluster_allow_pubsubshard_when_down {
        return Ok(());
    }
    if is_sharded || !config.cluster_allow_reads_when_down {
        return Err(error::CLUSTER_DOWN);
    }
    if flags.contains(Flags::WRITE) {
        return Err(error::CLUSTER_READ_ONLY);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_told_in_runs() {
        let mut slots = Slots::NONE;
        for slot in [0, 2, 3, 63, 64, 65, 16_383] {
            slots.set(slot, true);
        }
        slots.set(3, false);
        assert_eq!(slots.ranges(), [(0, 0), (2, 2), (63, 65), (16_383, 16_383)]);
        assert_eq!(slots.len(), 6);
        assert_eq!(Slots::ALL.ranges(), [(0, 16_383)]);
    }
}
