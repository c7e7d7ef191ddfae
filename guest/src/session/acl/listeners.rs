//! Clients that lose what they rely on: their user is deleted, or may no longer listen to a channel
//! they have subscribed to. They are disconnected.

use super::selector::{Allowed, fits_channel};
use super::{User, UserId};
use crate::session::pubsub::Kind;
use crate::session::{Client, Connection, Server};

impl Server {
    /// Deletes a user and disconnects whoever is that user. False if there is none of that name.
    pub(super) fn delete_user(&mut self, name: &[u8], by: Connection) -> bool {
        let Some(id) = self.acl.find(name) else {
            return false;
        };
        self.disconnect(by, |client| client.user == id);
        self.acl.remove(id);
        true
    }

    /// Disconnects the clients of a user that listen to what its new rules do not allow.
    pub(super) fn disconnect_listeners(&mut self, id: UserId, new: &User, by: Connection) {
        if self.pubsub.is_empty() {
            return;
        }
        if let Some(allowed) = channels_left(self.acl.get(id), new) {
            self.disconnect(by, |client| {
                client.user == id && listens_beyond(client, &allowed)
            });
        }
    }

    /// Makes clients nobody and closes their connections: that of who asked for it once it is
    /// answered.
    fn disconnect(&mut self, by: Connection, affects: impl Fn(&Client) -> bool) {
        let affected: Vec<Connection> = self
            .clients
            .by_id()
            .into_iter()
            .filter(|(_, client)| affects(client))
            .map(|(connection, _)| connection)
            .collect();
        for connection in affected {
            if connection == by {
                let client = self.clients.current(connection);
                client.user = UserId::DEFAULT;
                client.authenticated = false;
                client.close_after_reply = true;
            } else {
                self.close(connection, false);
            }
        }
    }
}

/// The channels that a user may name from now on; `None` if that takes nothing away.
fn channels_left(old: &User, new: &User) -> Option<Vec<Box<[u8]>>> {
    let mut left = Vec::new();
    for selector in new.all_selectors() {
        match &selector.channels {
            Allowed::All => return None,
            Allowed::Some(patterns) => left.extend_from_slice(patterns),
        }
    }
    let keeps_all = old
        .all_selectors()
        .all(|selector| match &selector.channels {
            Allowed::All => false,
            Allowed::Some(patterns) => patterns.iter().all(|pattern| left.contains(pattern)),
        });
    (!keeps_all).then_some(left)
}

fn listens_beyond(client: &Client, allowed: &[Box<[u8]>]) -> bool {
    let Some(subscriptions) = &client.subscriptions else {
        return false;
    };
    [Kind::Pattern, Kind::Channel, Kind::Shard]
        .into_iter()
        .any(|kind| {
            subscriptions.of(kind).any(|channel| {
                let is_pattern = kind == Kind::Pattern;
                !allowed
                    .iter()
                    .any(|pattern| fits_channel(pattern, channel, is_pattern))
            })
        })
}
