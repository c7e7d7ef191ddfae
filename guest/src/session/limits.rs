//! Clients that take too much: unsent replies over their limit, silence beyond `timeout`.

use super::{Client, Connection, LogLevel, Server};

/// How often silent clients are looked for while `timeout` is set.
const IDLE_CHECK_US: u64 = 1_000_000;

/// Which of the three limits on output holds for a client: of normal clients, replicas, and those that
/// listen to channels.
fn class(client: &Client) -> usize {
    if client.is_replica() {
        1
    } else if client.subscriptions.is_some() {
        2
    } else {
        0
    }
}

impl Server {
    /// How many bytes more a client can be sent, all at once, before it is closed for that; `None`
    /// without a limit.
    #[inline]
    pub fn most_output(&self, connection: Connection) -> Option<usize> {
        let limits = &self.config.client_output_buffer_limit;
        let client = self.clients.get(connection)?;
        let hard = limits[class(client)].hard_bytes;
        (hard > 0).then(|| {
            let most = client.output_over(hard);
            usize::try_from(most).unwrap_or(usize::MAX)
        })
    }

    /// Closes a client whose replies are over a limit.
    pub fn close_over_output_limit(&mut self, connection: Connection) {
        let Some(client) = self.clients.get(connection) else {
            return;
        };
        let text = format!(
            "Client id={} addr={} closed for overcoming of output buffer limits.",
            client.id, client.peer
        );
        self.log(LogLevel::Warning, text);
        self.stats.over_output_limit();
        self.close(connection, false);
    }

    /// Closes a client whose unsent replies are over `client-output-buffer-limit`.
    pub fn check_output_limit(&mut self, connection: Connection) {
        let class = self.clients.get(connection).map_or(0, class);
        let limit = &self.config.client_output_buffer_limit[class];
        let (hard, soft, seconds) = (limit.hard_bytes, limit.soft_bytes, limit.soft_seconds);
        let now_us = self.keyspace.now_us();
        let Some(client) = self.clients.get_mut(connection) else {
            return;
        };
        let unsent = client.output_memory();
        let over_soft_long = if soft > 0 && unsent > soft {
            let since_us = *client.over_soft_limit_since_us.get_or_insert(now_us);
            let until_us = since_us + seconds * 1_000_000 + 1;
            let next_us = self.soft_limit_check_us.get_or_insert(until_us);
            *next_us = until_us.min(*next_us);
            now_us >= until_us
        } else {
            client.over_soft_limit_since_us = None;
            false
        };
        if (hard > 0 && unsent > hard) || over_soft_long {
            self.close_over_output_limit(connection);
        }
    }

    /// Closes the clients that have been over their soft limit for too long, even if they are sent
    /// nothing any more.
    pub fn check_soft_limits(&mut self) {
        if self
            .soft_limit_check_us
            .is_none_or(|at_us| at_us > self.now_us())
        {
            return;
        }
        self.soft_limit_check_us = None;
        for connection in self.clients.connections() {
            if self
                .clients
                .get(connection)
                .is_some_and(|client| client.over_soft_limit_since_us.is_some())
            {
                self.check_output_limit(connection);
            }
        }
    }

    /// Closes the clients that have said nothing for `timeout` seconds.
    pub fn close_idle(&mut self) {
        if self.config.timeout_s == 0 || self.now_us() < self.idle_check_us {
            return;
        }
        let now_us = self.now_us();
        self.idle_check_us = now_us + IDLE_CHECK_US;
        let longest_us = u64::from(self.config.timeout_s) * 1_000_000;
        let idle: Vec<Connection> = self
            .clients
            .by_id()
            .into_iter()
            .filter(|(connection, client)| {
                *connection != super::IMPLICIT
                    && now_us.saturating_sub(client.active_us) > longest_us
            })
            .map(|(connection, _)| connection)
            .collect();
        for connection in idle {
            self.log(LogLevel::Verbose, "Closing idle client");
            self.close(connection, true);
        }
    }

    /// When silent clients are looked for next, if `timeout` is set and there are any clients.
    pub fn next_idle_check_us(&self) -> Option<u64> {
        (self.config.timeout_s > 0 && !self.clients.is_empty()).then_some(self.idle_check_us)
    }
}
