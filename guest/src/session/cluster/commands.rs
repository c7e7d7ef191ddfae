//! CLUSTER, ASKING, READONLY, READWRITE: what a client of a cluster asks, and what changes the slots of
//! the node. Nodes are not met, and nothing is moved between them.

use super::super::Call;
use super::describe::{self, slot_number};
use super::{Cluster, Slots, random_id};
use crate::commands::error::{self, CommandError};
use crate::commands::{Outcome, help, options};
use crate::resp::Args;
use crate::value::cluster_slot;
use crate::value::number::parse_i64;

crate::session::handlers::attach! {
    "asking" => asking,
    "cluster|addslots" => addslots,
    "cluster|addslotsrange" => addslotsrange,
    "cluster|bumpepoch" => bumpepoch,
    "cluster|count-failure-reports" => count_failure_reports,
    "cluster|countkeysinslot" => countkeysinslot,
    "cluster|delslots" => delslots,
    "cluster|delslotsrange" => delslotsrange,
    "cluster|failover" => failover,
    "cluster|flushslots" => flushslots,
    "cluster|forget" => forget,
    "cluster|getkeysinslot" => getkeysinslot,
    "cluster|help" => help,
    "cluster|info" => info,
    "cluster|keyslot" => keyslot,
    "cluster|links" => links,
    "cluster|meet" => meet,
    "cluster|myid" => myid,
    "cluster|myshardid" => myshardid,
    "cluster|nodes" => nodes,
    "cluster|replicas" => replicas,
    "cluster|replicate" => replicate,
    "cluster|reset" => reset,
    "cluster|saveconfig" => saveconfig,
    "cluster|set-config-epoch" => set_config_epoch,
    "cluster|setslot" => setslot,
    "cluster|shards" => shards,
    "cluster|slaves" => replicas,
    "cluster|slots" => slots,
    "readonly" => readonly,
    "readwrite" => readonly,
}

/// The cluster, or that there is none.
fn enabled<'c>(call: &'c mut Call<'_>) -> Result<&'c mut Cluster, CommandError> {
    let cluster = call.server.cluster.as_deref_mut();
    cluster.ok_or(error::CLUSTER_DISABLED)
}

fn ok(call: &mut Call<'_>) -> Outcome {
    call.reply.ok();
    Ok(())
}

// ---- what clients ask --------------------------------------------------------------------------

/// ASKING
fn asking(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    // No slot is ever on its way to this node, so the next command is as good as any.
    enabled(call)?;
    ok(call)
}

/// READONLY, READWRITE
fn readonly(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    // It is about replicas, and there is none.
    enabled(call)?;
    ok(call)
}

type Description = fn(&mut Call<'_>, &Cluster) -> Outcome;

fn describe(call: &mut Call<'_>, describe: Description) -> Outcome {
    let cluster = enabled(call)?.clone();
    describe(call, &cluster)
}

/// CLUSTER INFO
fn info(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    describe(call, describe::info)
}

/// CLUSTER NODES
fn nodes(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    describe(call, describe::nodes)
}

/// CLUSTER SLOTS
fn slots(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    describe(call, describe::slots)
}

/// CLUSTER SHARDS
fn shards(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    describe(call, describe::shards)
}

/// CLUSTER LINKS
fn links(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    enabled(call)?;
    call.reply.array(0);
    Ok(())
}

/// CLUSTER MYID
fn myid(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let id = enabled(call)?.id.clone();
    call.reply.bulk(id.as_bytes());
    Ok(())
}

/// CLUSTER MYSHARDID
fn myshardid(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let id = enabled(call)?.shard_id.clone();
    call.reply.bulk(id.as_bytes());
    Ok(())
}

/// CLUSTER KEYSLOT key
fn keyslot(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    enabled(call)?;
    call.reply.integer(cluster_slot::of_key(args.at(2)).into());
    Ok(())
}

/// CLUSTER COUNTKEYSINSLOT slot
fn countkeysinslot(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    enabled(call)?;
    let slot = slot_number(options::integer(args.at(2))?).ok_or(error::INVALID_SLOT)?;
    let count = call.server.keys_in_slot(slot).count();
    call.reply.integer(count as i64);
    Ok(())
}

/// CLUSTER GETKEYSINSLOT slot count
fn getkeysinslot(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    enabled(call)?;
    let slot = options::integer(args.at(2))?;
    let count = options::integer(args.at(3))?;
    let slot = slot_number(slot).ok_or(error::INVALID_SLOT_OR_COUNT)?;
    let count = usize::try_from(count).map_err(|_| error::INVALID_SLOT_OR_COUNT)?;
    let keys: Vec<&[u8]> = call.server.keys_in_slot(slot).take(count).collect();
    call.reply.array(keys.len());
    for key in keys {
        call.reply.bulk(key);
    }
    Ok(())
}

// ---- other nodes: there is none ----------------------------------------------------------------

/// The node itself is the only one known.
fn known(call: &mut Call<'_>, id: &[u8]) -> Outcome {
    if enabled(call)?.id.as_bytes() == id {
        Ok(())
    } else {
        Err(error::unknown_node(id))
    }
}

/// CLUSTER REPLICAS node-id, CLUSTER SLAVES node-id
fn replicas(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    known(call, args.at(2))?;
    call.reply.array(0);
    Ok(())
}

/// CLUSTER COUNT-FAILURE-REPORTS node-id
fn count_failure_reports(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    known(call, args.at(2))?;
    call.reply.integer(0);
    Ok(())
}

/// CLUSTER FORGET node-id
fn forget(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    known(call, args.at(2))?;
    Err(error::CANNOT_FORGET_MYSELF)
}

/// CLUSTER REPLICATE node-id
fn replicate(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    known(call, args.at(2))?;
    Err(error::CANNOT_REPLICATE_MYSELF)
}

/// CLUSTER FAILOVER [FORCE | TAKEOVER]
fn failover(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    enabled(call)?;
    match args.get(2) {
        _ if args.len() > 3 => Err(error::unknown_subcommand_or_arity(args.at(1), "cluster")),
        Some(how) if !options::is(how, "FORCE") && !options::is(how, "TAKEOVER") => {
            Err(error::SYNTAX)
        }
        _ => Err(error::FAILOVER_ON_A_MASTER),
    }
}

/// CLUSTER MEET ip port [cluster-bus-port]
fn meet(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    enabled(call)?;
    if args.len() > 5 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "cluster"));
    }
    let (host, port) = (args.at(2), args.at(3));
    let number = parse_i64(port).ok_or_else(|| error::invalid_base_port(port))?;
    let bus = args
        .get(4)
        .map(|bus| parse_i64(bus).ok_or_else(|| error::invalid_bus_port(bus)));
    let bus = bus.transpose()?.unwrap_or(number.saturating_add(10_000));
    let is_address =
        std::str::from_utf8(host).is_ok_and(|host| host.parse::<std::net::IpAddr>().is_ok());
    let is_port = |port: &i64| (1..=65_535).contains(port);
    if !is_address || !is_port(&number) || !is_port(&bus) {
        return Err(error::invalid_node_address(host, port));
    }
    // Taken, and never heard of again: nothing is reached from here.
    ok(call)
}

// ---- slots -------------------------------------------------------------------------------------

fn slot(arg: &[u8]) -> Result<u16, CommandError> {
    parse_i64(arg)
        .and_then(slot_number)
        .ok_or(error::INVALID_OR_OUT_OF_RANGE_SLOT)
}

/// Gives the node slots, or takes them: all of them, or none. Those that it began with are no more
/// than a start: the first slots that it is given take their place.
fn assign(call: &mut Call<'_>, ranges: &[(u16, u16)], owned: bool) -> Outcome {
    let cluster = enabled(call)?;
    let now = if owned && cluster.is_as_begun {
        Slots::NONE
    } else {
        cluster.slots.clone()
    };
    let mut next = now.clone();
    for slot in ranges.iter().flat_map(|(first, last)| *first..=*last) {
        if now.has(slot) == owned {
            return Err(error::slot_is(slot, owned));
        }
        if next.has(slot) == owned {
            return Err(error::slot_twice(slot));
        }
        next.set(slot, owned);
    }
    cluster.slots = next;
    cluster.is_as_begun = false;
    ok(call)
}

fn each(call: &mut Call<'_>, args: Args<'_>, owned: bool) -> Outcome {
    enabled(call)?;
    let slots = args
        .from(2)
        .iter()
        .map(|arg| slot(arg).map(|slot| (slot, slot)));
    let slots: Vec<(u16, u16)> = slots.collect::<Result<_, _>>()?;
    assign(call, &slots, owned)
}

fn ranges(call: &mut Call<'_>, args: Args<'_>, owned: bool, name: &str) -> Outcome {
    enabled(call)?;
    if args.len() % 2 == 1 {
        return Err(error::wrong_arity(name));
    }
    let mut ranges = Vec::new();
    for at in (2..args.len()).step_by(2) {
        let (first, last) = (slot(args.at(at))?, slot(args.at(at + 1))?);
        if first > last {
            return Err(error::slots_backwards(first, last));
        }
        ranges.push((first, last));
    }
    assign(call, &ranges, owned)
}

/// CLUSTER ADDSLOTS slot [slot ...]
fn addslots(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    each(call, args, true)
}

/// CLUSTER DELSLOTS slot [slot ...]
fn delslots(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    each(call, args, false)
}

/// CLUSTER ADDSLOTSRANGE start-slot end-slot [start-slot end-slot ...]
fn addslotsrange(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    ranges(call, args, true, "cluster|addslotsrange")
}

/// CLUSTER DELSLOTSRANGE start-slot end-slot [start-slot end-slot ...]
fn delslotsrange(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    ranges(call, args, false, "cluster|delslotsrange")
}

/// CLUSTER FLUSHSLOTS
fn flushslots(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    enabled(call)?;
    if call.server.keyspace.len(0) > 0 {
        return Err(error::FLUSHSLOTS_WITH_KEYS);
    }
    let cluster = enabled(call)?;
    (cluster.slots, cluster.is_as_begun) = (Slots::NONE, false);
    ok(call)
}

/// CLUSTER SETSLOT slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>
fn setslot(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    enabled(call)?;
    let (slot, what) = (slot(args.at(2))?, args.at(3));
    let cluster = enabled(call)?;
    let is_known = |id: &[u8]| cluster.id.as_bytes() == id;
    match (args.get(4), args.len()) {
        // To move a slot from the node to itself changes nothing.
        (Some(id), 5) if options::is(what, "MIGRATING") => {
            if !cluster.slots.has(slot) {
                return Err(error::not_owner_of_slot(slot));
            }
            if !is_known(id) {
                return Err(error::node_not_known(id));
            }
        }
        (Some(id), 5) if options::is(what, "IMPORTING") => {
            if cluster.slots.has(slot) {
                return Err(error::owner_of_slot(slot));
            }
            if !is_known(id) {
                return Err(error::node_not_known(id));
            }
        }
        (None, _) if options::is(what, "STABLE") => {}
        (Some(id), 5) if options::is(what, "NODE") => {
            if !is_known(id) {
                return Err(error::unknown_node(id));
            }
            cluster.slots.set(slot, true);
            cluster.is_as_begun = false;
        }
        _ => return Err(error::SETSLOT_ACTION),
    }
    ok(call)
}

// ---- the node itself ---------------------------------------------------------------------------

/// CLUSTER BUMPEPOCH
fn bumpepoch(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let cluster = enabled(call)?;
    // The only node has the highest epoch, but for 0, which is none.
    let what = if cluster.epoch == 0 {
        cluster.epoch = 1;
        "BUMPED"
    } else {
        "STILL"
    };
    let text = format!("{what} {}", cluster.epoch);
    call.reply.simple(&text);
    Ok(())
}

/// CLUSTER SET-CONFIG-EPOCH config-epoch
fn set_config_epoch(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    enabled(call)?;
    let epoch = options::integer(args.at(2))?;
    let epoch = u64::try_from(epoch).map_err(|_| error::invalid_config_epoch(epoch))?;
    let cluster = enabled(call)?;
    if cluster.epoch != 0 {
        return Err(error::CONFIG_EPOCH_NOT_ZERO);
    }
    cluster.epoch = epoch;
    ok(call)
}

/// CLUSTER SAVECONFIG
fn saveconfig(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    enabled(call)?;
    ok(call)
}

/// CLUSTER RESET [HARD | SOFT]
fn reset(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    enabled(call)?;
    let hard = match args.get(2) {
        _ if args.len() > 3 => {
            return Err(error::unknown_subcommand_or_arity(args.at(1), "cluster"));
        }
        None => false,
        Some(how) if options::is(how, "HARD") => true,
        Some(how) if options::is(how, "SOFT") => false,
        Some(_) => return Err(error::SYNTAX),
    };
    if call.server.keyspace.len(0) > 0 {
        return Err(error::RESET_WITH_KEYS);
    }
    let id = random_id(&mut call.server.rng);
    let cluster = enabled(call)?;
    (cluster.slots, cluster.is_as_begun) = (Slots::NONE, false);
    if hard {
        (cluster.id, cluster.epoch) = (id, 0);
    }
    ok(call)
}

/// CLUSTER HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    enabled(call)?;
    let entries: &[(&str, &[&str])] = &[
        (
            "COUNTKEYSINSLOT <slot>",
            &["Return the number of keys in <slot>."],
        ),
        (
            "GETKEYSINSLOT <slot> <count>",
            &["Return key names stored by current node in a slot."],
        ),
        ("INFO", &["Return information about the cluster."]),
        ("KEYSLOT <key>", &["Return the hash slot for <key>."]),
        ("MYID", &["Return the node id."]),
        ("MYSHARDID", &["Return the node's shard id."]),
        (
            "NODES",
            &[
                "Return cluster configuration seen by node. Output format:",
                "<id> <ip:port@bus-port[,hostname]> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
            ],
        ),
        ("REPLICAS <node-id>", &["Return <node-id> replicas."]),
        (
            "SLOTS",
            &[
                "Return information about slots range mappings. Each range is made of:",
                "start, end, master and replicas IP addresses, ports and ids",
            ],
        ),
        (
            "SHARDS",
            &["Return information about slot range mappings and the nodes associated with them."],
        ),
        (
            "ADDSLOTS <slot> [<slot> ...]",
            &["Assign slots to current node."],
        ),
        (
            "ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
            &["Assign slots which are between <start-slot> and <end-slot> to current node."],
        ),
        ("BUMPEPOCH", &["Advance the cluster config epoch."]),
        (
            "COUNT-FAILURE-REPORTS <node-id>",
            &["Return number of failure reports for <node-id>."],
        ),
        (
            "DELSLOTS <slot> [<slot> ...]",
            &["Delete slots information from current node."],
        ),
        (
            "DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
            &[
                "Delete slots information which are between <start-slot> and <end-slot> from current node.",
            ],
        ),
        (
            "FAILOVER [FORCE|TAKEOVER]",
            &["Promote current replica node to being a master."],
        ),
        ("FORGET <node-id>", &["Remove a node from the cluster."]),
        (
            "FLUSHSLOTS",
            &["Delete current node own slots information."],
        ),
        (
            "MEET <ip> <port> [<bus-port>]",
            &["Connect nodes into a working cluster."],
        ),
        (
            "REPLICATE <node-id>",
            &["Configure current node as replica to <node-id>."],
        ),
        (
            "RESET [HARD|SOFT]",
            &["Reset current node (default: soft)."],
        ),
        (
            "SET-CONFIG-EPOCH <epoch>",
            &["Set config epoch of current node."],
        ),
        (
            "SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)",
            &["Set slot state."],
        ),
        (
            "SAVECONFIG",
            &["Force saving cluster configuration on disk."],
        ),
        (
            "LINKS",
            &[
                "Return information about all network links between this node and its peers.",
                "Output format is an array where each array element is a map containing attributes of a link",
            ],
        ),
    ];
    help::write(call.reply, "CLUSTER", entries);
    Ok(())
}
