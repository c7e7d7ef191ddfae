//! What the node says of itself and its slots: CLUSTER INFO, NODES, SLOTS, SHARDS.

use std::fmt::Write as _;

use super::super::{Call, Server};
use super::Cluster;
use crate::commands::Outcome;
use crate::config::{Config, EndpointType};
use crate::resp::{Aggregate, Sink};
use crate::value::cluster_slot::SLOTS;

/// The cluster's bus listens on a port so much higher, if nothing else is said.
const BUS_PORT_DISTANCE: i32 = 10_000;

/// How the node is reached.
struct Endpoint<'a> {
    kind: EndpointType,
    ip: &'a [u8],
    port: i32,
    bus_port: i32,
    hostname: &'a [u8],
}

impl<'a> Endpoint<'a> {
    fn of(server: &'a Server) -> Self {
        let config: &Config = &server.config;
        let or = |announced: i32, otherwise: i32| match announced {
            0 => otherwise,
            announced => announced,
        };
        let own_bus_port = or(config.cluster_port, server.port() + BUS_PORT_DISTANCE);
        Endpoint {
            kind: config.cluster_preferred_endpoint_type,
            ip: &config.cluster_announce_ip,
            port: or(config.cluster_announce_port, server.port()),
            bus_port: or(config.cluster_announce_bus_port, own_bus_port),
            hostname: &config.cluster_announce_hostname,
        }
    }

    /// What it is called; `None` where clients are to keep to what they know.
    fn preferred(&self) -> Option<&[u8]> {
        match self.kind {
            EndpointType::Ip => Some(self.ip),
            EndpointType::Hostname if self.hostname.is_empty() => Some(b"?"),
            EndpointType::Hostname => Some(self.hostname),
            EndpointType::Unknown => None,
        }
    }

    /// All but what it is called.
    fn others(&self) -> Vec<(&'static str, &[u8])> {
        let mut others = Vec::new();
        if self.kind != EndpointType::Ip {
            others.push(("ip", self.ip));
        }
        if self.kind != EndpointType::Hostname && !self.hostname.is_empty() {
            others.push(("hostname", self.hostname));
        }
        others
    }
}

pub(super) fn info(call: &mut Call<'_>, cluster: &Cluster) -> Outcome {
    let state = if cluster.is_ok(&call.server.config) {
        "ok"
    } else {
        "fail"
    };
    let assigned = cluster.slots.len();
    // A node without slots is no part of the cluster.
    let size = u8::from(assigned > 0);
    let epoch = cluster.epoch;
    let page = format!(
        "cluster_state:{state}\r\n\
         cluster_slots_assigned:{assigned}\r\n\
         cluster_slots_ok:{assigned}\r\n\
         cluster_slots_pfail:0\r\n\
         cluster_slots_fail:0\r\n\
         cluster_known_nodes:1\r\n\
         cluster_size:{size}\r\n\
         cluster_current_epoch:{epoch}\r\n\
         cluster_my_epoch:{epoch}\r\n\
         cluster_stats_messages_sent:0\r\n\
         cluster_stats_messages_received:0\r\n\
         total_cluster_links_buffer_limit_exceeded:0\r\n"
    );
    call.reply.verbatim("txt", page.as_bytes());
    Ok(())
}

pub(super) fn nodes(call: &mut Call<'_>, cluster: &Cluster) -> Outcome {
    let endpoint = Endpoint::of(call.server);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut line = format!(
        "{} {}:{}@{}",
        cluster.id,
        text(endpoint.ip),
        endpoint.port,
        endpoint.bus_port
    );
    // Writing to a String does not fail.
    if !endpoint.hostname.is_empty() {
        let _ = write!(line, ",{}", text(endpoint.hostname));
    }
    let _ = write!(line, " myself,master - 0 0 {} connected", cluster.epoch);
    for (first, last) in cluster.slots.ranges() {
        let _ = match first == last {
            true => write!(line, " {first}"),
            false => write!(line, " {first}-{last}"),
        };
    }
    line.push('\n');
    call.reply.verbatim("txt", line.as_bytes());
    Ok(())
}

pub(super) fn slots(call: &mut Call<'_>, cluster: &Cluster) -> Outcome {
    let endpoint = Endpoint::of(call.server);
    let reply = &mut *call.reply;
    let ranges = cluster.slots.ranges();
    reply.array(ranges.len());
    for (first, last) in ranges {
        reply.array(3);
        reply.integer(first.into());
        reply.integer(last.into());
        reply.array(4);
        reply.bulk_or_null(endpoint.preferred());
        reply.integer(endpoint.port.into());
        reply.bulk(cluster.id.as_bytes());
        let others = endpoint.others();
        reply.map(others.len());
        for (name, value) in others {
            reply.bulk(name.as_bytes());
            reply.bulk(value);
        }
    }
    Ok(())
}

pub(super) fn shards(call: &mut Call<'_>, cluster: &Cluster) -> Outcome {
    let endpoint = Endpoint::of(call.server);
    let offset = call.server.replicas.offset() as i64;
    let reply = &mut *call.reply;
    reply.array(1);
    reply.map(2);
    reply.bulk(b"slots");
    let ranges = cluster.slots.ranges();
    reply.array(2 * ranges.len());
    for (first, last) in ranges {
        reply.integer(first.into());
        reply.integer(last.into());
    }
    reply.bulk(b"nodes");
    reply.array(1);
    let mark = reply.defer();
    let mut written = 0;
    let mut text = |reply: &mut dyn Sink, name: &str, value: &[u8]| {
        reply.bulk(name.as_bytes());
        reply.bulk(value);
        written += 1;
    };
    text(reply, "id", cluster.id.as_bytes());
    reply.bulk(b"port");
    reply.integer(endpoint.port.into());
    text(reply, "ip", endpoint.ip);
    text(reply, "endpoint", endpoint.preferred().unwrap_or_default());
    if !endpoint.hostname.is_empty() {
        text(reply, "hostname", endpoint.hostname);
    }
    text(reply, "role", b"master");
    reply.bulk(b"replication-offset");
    reply.integer(offset);
    text(reply, "health", b"online");
    // The two that are numbers.
    let fields = written + 2;
    reply.settle(mark, Aggregate::Map, fields);
    Ok(())
}

/// The slot that an argument names.
pub(super) fn slot_number(number: i64) -> Option<u16> {
    u16::try_from(number)
        .ok()
        .filter(|slot| usize::from(*slot) < SLOTS)
}
