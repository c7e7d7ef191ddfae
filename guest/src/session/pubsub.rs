//! Publish and subscribe: who listens to which channel, and the commands that say so. Three kinds of
//! channels: plain ones, patterns, and those of a shard.

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, Caller, Connection, ReplyMode, Server};
use crate::commands::{Outcome, error, help};
use crate::resp::{Aggregate, Args, Protocol, Sink};
use crate::value::glob;

crate::session::handlers::attach! {
    "publish" => publish,
    "psubscribe" => psubscribe,
    "pubsub|channels" => channels,
    "pubsub|help" => help,
    "pubsub|numpat" => numpat,
    "pubsub|numsub" => numsub,
    "pubsub|shardchannels" => shardchannels,
    "pubsub|shardnumsub" => shardnumsub,
    "punsubscribe" => punsubscribe,
    "spublish" => spublish,
    "ssubscribe" => ssubscribe,
    "subscribe" => subscribe,
    "sunsubscribe" => sunsubscribe,
    "unsubscribe" => unsubscribe,
}

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SUBSCRIBE
    Channel,
    /// PSUBSCRIBE
    Pattern,
    /// SSUBSCRIBE
    Shard,
}

impl Kind {
    /// All there are.
    pub const ALL: [Kind; 3] = [Kind::Channel, Kind::Pattern, Kind::Shard];

    /// Words of the replies to subscribing, to its opposite, and of a message.
    fn words(self) -> [&'static [u8]; 3] {
        match self {
            Kind::Channel => [b"subscribe", b"unsubscribe", b"message"],
            Kind::Pattern => [b"psubscribe", b"punsubscribe", b"pmessage"],
            Kind::Shard => [b"ssubscribe", b"sunsubscribe", b"smessage"],
        }
    }
}

/// What one client listens to.
#[derive(Debug, Default)]
pub struct Subscriptions([BTreeSet<Box<[u8]>>; 3]);

impl Subscriptions {
    /// How many of a kind.
    pub fn len(&self, kind: Kind) -> usize {
        self.0[kind as usize].len()
    }

    /// The number in the reply to a change of that kind: channels and patterns count together.
    fn counted(&self, kind: Kind) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => self.len(Kind::Channel) + self.len(Kind::Pattern),
            Kind::Shard => self.len(Kind::Shard),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeSet::is_empty)
    }

    /// All of a kind, in order.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &[u8]> {
        self.0[kind as usize].iter().map(|name| &**name)
    }
}

/// Who listens to what, in the order they came.
#[derive(Debug, Default)]
pub struct PubSub([BTreeMap<Box<[u8]>, Vec<Connection>>; 3]);

impl PubSub {
    fn of(&self, kind: Kind) -> &BTreeMap<Box<[u8]>, Vec<Connection>> {
        &self.0[kind as usize]
    }

    /// How many different ones of a kind somebody listens to.
    pub fn len(&self, kind: Kind) -> usize {
        self.of(kind).len()
    }

    /// True if nobody listens to anything.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeMap::is_empty)
    }
}

// ---- sending -----------------------------------------------------------------------------------

impl Server {
    /// Sends a message to all who listen to a channel, itself or through a pattern; returns to how
    /// many.
    pub fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let mut receivers = self.send_to(Kind::Channel, channel, |sink| {
            three(sink, Kind::Channel, channel, message);
        });
        if self.pubsub.len(Kind::Pattern) == 0 {
            return receivers;
        }
        let fitting: Vec<Box<[u8]>> = self
            .pubsub
            .of(Kind::Pattern)
            .keys()
            .filter(|pattern| glob::matches(pattern, channel, false))
            .cloned()
            .collect();
        for pattern in fitting {
            receivers += self.send_to(Kind::Pattern, &pattern, |sink| {
                sink.aggregate(Aggregate::Push, 4);
                sink.bulk(Kind::Pattern.words()[2]);
                sink.bulk(&pattern);
                sink.bulk(channel);
                sink.bulk(message);
            });
        }
        receivers
    }

    /// Sends to the listeners of one channel or pattern. What is sent is written once for each
    /// protocol that somebody speaks.
    fn send_to(&mut self, kind: Kind, name: &[u8], write: impl Fn(&mut dyn Sink)) -> usize {
        let Some(listeners) = self.pubsub.0[kind as usize].get_mut(name) else {
            return 0;
        };
        // Taken out while messages are written; nobody subscribes meanwhile.
        let listeners = std::mem::take(listeners);
        let mut written = [None; 2];
        for connection in &listeners {
            let Some(client) = self.clients.get(*connection) else {
                continue;
            };
            let protocol = client.protocol;
            let place = usize::from(protocol == Protocol::Resp3);
            if written[place].is_none() {
                written[place] = self.write_message(protocol, &write);
            }
            if let Some(message) = written[place] {
                self.send_message(*connection, message);
            }
        }
        let receivers = listeners.len();
        if let Some(place) = self.pubsub.0[kind as usize].get_mut(name) {
            *place = listeners;
        }
        receivers
    }

    // ---- listening

    pub(super) fn listen(&mut self, connection: Connection, kind: Kind, name: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(connection) else {
            return 0;
        };
        let subscriptions = client.subscriptions.get_or_insert_default();
        if subscriptions.0[kind as usize].insert(name.into()) {
            let listeners = self.pubsub.0[kind as usize].entry(name.into());
            listeners.or_default().push(connection);
        }
        subscriptions.counted(kind)
    }

    /// Returns whether the client listened, and the number for the reply.
    fn stop_listening(&mut self, connection: Connection, kind: Kind, name: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(connection) else {
            return 0;
        };
        let Some(subscriptions) = &mut client.subscriptions else {
            return 0;
        };
        if subscriptions.0[kind as usize].remove(name) {
            self.pubsub.remove(kind, name, connection);
        }
        let left = subscriptions.counted(kind);
        if subscriptions.is_empty() {
            client.subscriptions = None;
        }
        left
    }

    /// Ends everything that a client listens to, without a word.
    pub(super) fn forget_subscriptions(&mut self, connection: Connection) {
        let Some(client) = self.clients.get_mut(connection) else {
            return;
        };
        let Some(subscriptions) = client.subscriptions.take() else {
            return;
        };
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in subscriptions.of(kind) {
                self.pubsub.remove(kind, name, connection);
            }
        }
    }
}

impl PubSub {
    fn remove(&mut self, kind: Kind, name: &[u8], connection: Connection) {
        let names = &mut self.0[kind as usize];
        if let Some(listeners) = names.get_mut(name) {
            listeners.retain(|other| *other != connection);
            if listeners.is_empty() {
                names.remove(name);
            }
        }
    }
}

fn three(sink: &mut dyn Sink, kind: Kind, channel: &[u8], message: &[u8]) {
    sink.aggregate(Aggregate::Push, 3);
    sink.bulk(kind.words()[2]);
    sink.bulk(channel);
    sink.bulk(message);
}

// ---- commands ----------------------------------------------------------------------------------

fn subscribe_generic(call: &mut Call<'_>, args: Args<'_>, kind: Kind) -> Outcome {
    for name in args.from(1).iter() {
        let count = call.server.listen(call.connection, kind, name);
        answer(call, kind.words()[0], Some(name), count);
    }
    Ok(())
}

fn unsubscribe_generic(call: &mut Call<'_>, args: Args<'_>, kind: Kind) -> Outcome {
    if args.len() > 1 {
        for name in args.from(1).iter() {
            let count = call.server.stop_listening(call.connection, kind, name);
            answer(call, kind.words()[1], Some(name), count);
        }
        return Ok(());
    }
    let subscriptions = call.client().subscriptions.as_ref();
    let all: Vec<Box<[u8]>> = subscriptions.map_or_else(Vec::new, |subscriptions| {
        subscriptions.of(kind).map(Into::into).collect()
    });
    if all.is_empty() {
        let count = subscriptions.map_or(0, |subscriptions| subscriptions.counted(kind));
        answer(call, kind.words()[1], None, count);
    }
    for name in all {
        let count = call.server.stop_listening(call.connection, kind, &name);
        answer(call, kind.words()[1], Some(&name), count);
    }
    Ok(())
}

fn answer(call: &mut Call<'_>, word: &[u8], name: Option<&[u8]>, count: usize) {
    let write = |sink: &mut dyn Sink| {
        sink.aggregate(Aggregate::Push, 3);
        sink.bulk(word);
        sink.bulk_or_null(name);
        sink.integer(count as i64);
    };
    if call.client().reply_mode == ReplyMode::On {
        write(call.reply);
    } else {
        // To Redis it is a message, and those come through even if no reply does.
        call.server.send(call.connection, write);
    }
}

/// SUBSCRIBE channel [channel ...]
fn subscribe(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    subscribe_generic(call, args, Kind::Channel)
}

/// UNSUBSCRIBE [channel [channel ...]]
fn unsubscribe(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    unsubscribe_generic(call, args, Kind::Channel)
}

/// PSUBSCRIBE pattern [pattern ...]
fn psubscribe(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    subscribe_generic(call, args, Kind::Pattern)
}

/// PUNSUBSCRIBE [pattern [pattern ...]]
fn punsubscribe(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    unsubscribe_generic(call, args, Kind::Pattern)
}

/// SSUBSCRIBE shardchannel [shardchannel ...]
fn ssubscribe(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if !matches!(call.caller, Caller::Client | Caller::Woken) {
        // A transaction expects one reply of each command. The other two may, for history's sake.
        return Err(error::SSUBSCRIBE_NOT_ALLOWED);
    }
    subscribe_generic(call, args, Kind::Shard)
}

/// SUNSUBSCRIBE [shardchannel [shardchannel ...]]
fn sunsubscribe(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    unsubscribe_generic(call, args, Kind::Shard)
}

/// PUBLISH channel message
fn publish(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let receivers = call.server.publish(args.at(1), args.at(2));
    // In a cluster, who listens elsewhere hears of it another way.
    if call.server.cluster.is_none() {
        call.propagate_anyway();
    }
    call.reply.integer(receivers as i64);
    Ok(())
}

/// SPUBLISH shardchannel message
fn spublish(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let (channel, message) = (args.at(1), args.at(2));
    let receivers = call.server.send_to(Kind::Shard, channel, |sink| {
        three(sink, Kind::Shard, channel, message);
    });
    call.propagate_anyway();
    call.reply.integer(receivers as i64);
    Ok(())
}

fn channels_generic(call: &mut Call<'_>, args: Args<'_>, kind: Kind) -> Outcome {
    if args.len() > 3 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "pubsub"));
    }
    let mark = call.reply.defer();
    let mut found = 0;
    for name in call.server.pubsub.of(kind).keys() {
        if args
            .get(2)
            .is_none_or(|pattern| glob::matches(pattern, name, false))
        {
            call.reply.bulk(name);
            found += 1;
        }
    }
    call.reply.settle(mark, Aggregate::Array, found);
    Ok(())
}

/// PUBSUB CHANNELS [pattern]
fn channels(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    channels_generic(call, args, Kind::Channel)
}

/// PUBSUB SHARDCHANNELS [pattern]
fn shardchannels(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    channels_generic(call, args, Kind::Shard)
}

fn numsub_generic(call: &mut Call<'_>, args: Args<'_>, kind: Kind) -> Outcome {
    let names = args.from(2);
    call.reply.array(2 * names.len());
    for name in names.iter() {
        call.reply.bulk(name);
        let listeners = call.server.pubsub.of(kind).get(name).map_or(0, Vec::len);
        call.reply.integer(listeners as i64);
    }
    Ok(())
}

/// PUBSUB NUMSUB [channel [channel ...]]
fn numsub(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    numsub_generic(call, args, Kind::Channel)
}

/// PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]]
fn shardnumsub(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    numsub_generic(call, args, Kind::Shard)
}

/// PUBSUB NUMPAT
fn numpat(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let patterns = call.server.pubsub.len(Kind::Pattern);
    call.reply.integer(patterns as i64);
    Ok(())
}

/// PUBSUB HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    help::write(
        call.reply,
        "PUBSUB",
        &[
            (
                "CHANNELS [<pattern>]",
                &["Return the currently active channels matching a <pattern> (default: '*')."],
            ),
            ("NUMPAT", &["Return number of subscriptions to patterns."]),
            (
                "NUMSUB [<channel> ...]",
                &[
                    "Return the number of subscribers for the specified channels, excluding",
                    "pattern subscriptions(default: no channels).",
                ],
            ),
            (
                "SHARDCHANNELS [<pattern>]",
                &[
                    "Return the currently active shard level channels matching a <pattern> (default: '*').",
                ],
            ),
            (
                "SHARDNUMSUB [<shardchannel> ...]",
                &["Return the number of subscribers for the specified shard level channel(s)"],
            ),
        ],
    );
    Ok(())
}
