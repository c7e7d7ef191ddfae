//! What the buffers of a client would take in Redis. Here they are laid out differently: what comes in
//! lies in the host's batch, what goes out waits in the host. But limits are set, and CLIENT LIST is
//! read, with Redis's buffers in mind: a query buffer that stays for a while once a client needed one
//! of its own, a reply buffer that grows and shrinks, arguments beside them.
//!
//! Redis looks after buffers several times a second. Here it is made up for when somebody looks.

use super::{Client, Connection, Server};

/// A client without anything.
const CLIENT_BYTES: u64 = 896;

/// The query buffer that all share, and that one of its own begins with.
const QUERY_BYTES: u64 = 20_474;

/// What is allocated beside the bytes of a string.
const STRING_OVERHEAD: u64 = 6;

/// A request as long as this needs a query buffer of its own (`PROTO_IOBUF_LEN`).
const LONG_REQUEST: u64 = 16 * 1024;

/// For an argument as long as this there is room at once (`PROTO_MBULK_BIG_ARG`).
const LONG_ARGUMENT: u64 = 32 * 1024;

/// A query buffer with less to spare is left alone.
const SPARE_BYTES: u64 = 4 * 1024;

/// A query buffer that is not larger is left alone (`PROTO_RESIZE_THRESHOLD`).
const RESIZE_BYTES: u64 = 32 * 1024;

/// The reply buffer of a new client, which is also the largest, and the smallest.
const REPLY_BYTES: u64 = 16 * 1024;
const LEAST_REPLY_BYTES: u64 = 1024;

/// What a block of output beyond the reply buffer holds, and what it takes beside that.
const BLOCK_BYTES: u64 = 20_464;
const BLOCK_OVERHEAD: u64 = 40;

/// An argument's place in the list of arguments.
const POINTER_BYTES: u64 = 8;

/// A command in a transaction, a watched key, a channel in a table, beside their bytes.
const QUEUED_BYTES: u64 = 24;
const WATCHED_BYTES: u64 = 80;
const LISTED_BYTES: u64 = 24;

/// A prefix that a client is told of the keys of: about two nodes of a tree, whatever its length.
const PREFIX_BYTES: u64 = 64;

/// After how long the largest reply is forgotten.
const PEAK_RESET_US: u64 = 5_000_000;

/// How Redis looks after buffers, as far as DEBUG changes it.
#[derive(Clone, Copy, Debug)]
pub struct Upkeep {
    /// `DEBUG PAUSE-CRON`
    pub is_paused: bool,
    /// `DEBUG REPLYBUFFER RESIZING`
    pub resizes_replies: bool,
    /// `DEBUG REPLYBUFFER PEAK-RESET-TIME`: after how many microseconds; `None` for never.
    pub peak_reset_us: Option<u64>,
}

impl Default for Upkeep {
    fn default() -> Self {
        Upkeep {
            is_paused: false,
            resizes_replies: true,
            peak_reset_us: Some(PEAK_RESET_US),
        }
    }
}

impl Upkeep {
    /// After how long the largest reply is forgotten, if nothing else is said.
    pub const DEFAULT_PEAK_RESET_US: Option<u64> = Some(PEAK_RESET_US);
}

/// What is known of one client's buffers.
#[derive(Clone, Copy, Debug)]
pub struct Buffers {
    /// Size of its own query buffer; 0 while it uses the one that all share.
    query_bytes: u64,
    query_peak: u64,
    reply_bytes: u64,
    reply_peak: u64,
    peak_reset_us: u64,
    /// Until when they were looked after.
    kept_up_us: u64,
    /// What the client was counted with where `maxmemory-clients` counts.
    pub(super) counted_bytes: u64,
}

impl Default for Buffers {
    fn default() -> Self {
        Buffers {
            query_bytes: 0,
            query_peak: 0,
            reply_bytes: REPLY_BYTES,
            reply_peak: REPLY_BYTES,
            peak_reset_us: 0,
            kept_up_us: 0,
            counted_bytes: 0,
        }
    }
}

/// What a client has under way.
#[derive(Clone, Copy)]
struct Load {
    /// Bytes that are not parsed yet.
    unparsed: u64,
    /// Length of the argument that is coming in, if it is a long one.
    coming: u64,
    /// Bytes waiting to be sent.
    output: u64,
    active_us: u64,
}

impl Load {
    fn of(client: &Client) -> Self {
        let input = &client.input;
        let coming = input
            .decoder
            .argument_bytes()
            .map_or(0, |len| len as u64 + 2);
        Load {
            unparsed: input.decoder.unparsed(input.pending.len()) as u64,
            coming: if coming >= LONG_ARGUMENT { coming } else { 0 },
            output: client.unsent_bytes + client.sending_bytes,
            active_us: client.active_us,
        }
    }
}

impl Buffers {
    /// Of a client that connects now.
    pub fn new(now_us: u64) -> Self {
        Buffers {
            peak_reset_us: now_us,
            kept_up_us: now_us,
            ..Buffers::default()
        }
    }

    /// Makes up for what was to be done until now.
    fn keep_up(&mut self, load: Load, upkeep: Upkeep, period_us: u64, now_us: u64) {
        // After so many times nothing changes any more, but what waits for time to go by.
        const SETTLED: u64 = 6;
        if upkeep.is_paused {
            self.kept_up_us = now_us;
            return;
        }
        let due = now_us.saturating_sub(self.kept_up_us) / period_us;
        let last_us = self.kept_up_us + due * period_us;
        for round in 1..=due.min(SETTLED) {
            self.look_after(load, upkeep, self.kept_up_us + round * period_us);
        }
        if due > SETTLED {
            for _ in 0..3 {
                self.look_after(load, upkeep, last_us);
            }
        }
        self.kept_up_us = last_us;
    }

    fn look_after(&mut self, load: Load, upkeep: Upkeep, now_us: u64) {
        if self.query_bytes > 0 {
            self.look_after_query(load, now_us);
        }
        if upkeep.resizes_replies {
            self.look_after_reply(load, upkeep, now_us);
        }
    }

    fn look_after_query(&mut self, load: Load, now_us: u64) {
        let least = load.unparsed.max(load.coming);
        if self.query_bytes.saturating_sub(load.unparsed) > SPARE_BYTES {
            let idle_s = (now_us / 1_000_000).saturating_sub(load.active_us / 1_000_000);
            if idle_s > 2 {
                self.query_bytes = load.unparsed;
            } else if self.query_bytes > RESIZE_BYTES && self.query_bytes / 2 > self.query_peak {
                self.query_bytes = least.max(self.query_peak);
            }
        }
        self.query_peak = least;
    }

    fn look_after_reply(&mut self, load: Load, upkeep: Upkeep, now_us: u64) {
        let (half, double) = (self.reply_bytes / 2, self.reply_bytes * 2);
        let before = self.reply_bytes;
        if half >= LEAST_REPLY_BYTES && self.reply_peak < half {
            self.reply_bytes = (self.reply_peak + 1).max(LEAST_REPLY_BYTES);
        } else if double < 2 * REPLY_BYTES && self.reply_peak == self.reply_bytes {
            self.reply_bytes = double.min(REPLY_BYTES);
        }
        if let Some(after_us) = upkeep.peak_reset_us
            && now_us.saturating_sub(self.peak_reset_us) >= after_us
        {
            self.reply_peak = load.output.min(before);
            self.peak_reset_us = now_us;
        }
    }

    /// A request of so many bytes ran.
    #[inline]
    pub fn requested(&mut self, bytes: usize) {
        if bytes as u64 > LONG_REQUEST {
            self.query_bytes = self.query_bytes.max(bytes as u64);
            self.query_peak = self.query_peak.max(bytes as u64);
        }
    }

    /// Part of a request is left over.
    fn left_over(&mut self, load: Load) {
        let needed = QUERY_BYTES.max(load.unparsed).max(load.coming);
        self.query_bytes = self.query_bytes.max(needed);
        self.query_peak = self.query_peak.max(load.unparsed);
    }

    /// So many bytes are to be sent at once.
    pub fn replied(&mut self, bytes: u64) {
        self.reply_peak = self.reply_peak.max(bytes.min(self.reply_bytes));
    }
}

/// What CLIENT LIST says of a client's buffers, in Redis's words for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// `qbuf`: bytes in the query buffer.
    pub qbuf: u64,
    /// `qbuf-free`: room left in it.
    pub qbuf_free: u64,
    /// `argv-mem`: bytes of the arguments of the request under way.
    pub argv_mem: u64,
    /// `multi-mem`: bytes of the arguments queued.
    pub multi_mem: u64,
    /// `rbs`: size of the reply buffer.
    pub rbs: u64,
    /// `rbp`: the most that was in it lately.
    pub rbp: u64,
    /// `obl`: bytes in it.
    pub obl: u64,
    /// `oll`: blocks of output that did not fit in it.
    pub oll: u64,
    /// `omem`: bytes of those blocks.
    pub omem: u64,
    /// `tot-mem`: all of it.
    pub tot_mem: u64,
}

impl Figures {
    /// Bytes that come in: what Redis remembers the largest of.
    pub fn input(&self) -> u64 {
        self.qbuf + self.qbuf_free + self.argv_mem
    }
}

/// A table of so many channels.
fn listed_bytes(len: usize) -> u64 {
    if len == 0 {
        return 0;
    }
    LISTED_BYTES * len as u64 + POINTER_BYTES * len.next_power_of_two().max(4) as u64
}

/// Blocks of output beyond a reply buffer of that size, and what they take.
fn blocks(output: u64, reply_bytes: u64) -> (u64, u64) {
    let count = output.saturating_sub(reply_bytes).div_ceil(BLOCK_BYTES);
    (count, count * (BLOCK_BYTES + BLOCK_OVERHEAD))
}

impl Client {
    /// Bytes of output that count against `client-output-buffer-limit`: what is beyond the first
    /// buffer, in whole blocks.
    pub(super) fn output_memory(&self) -> u64 {
        blocks(
            self.unsent_bytes + self.sending_bytes,
            self.buffers.reply_bytes,
        )
        .1
    }

    /// How many bytes more of output are surely over a limit of so many.
    pub(super) fn output_over(&self, limit: u64) -> u64 {
        let waiting = self.unsent_bytes + self.sending_bytes;
        limit
            .saturating_add(self.buffers.reply_bytes)
            .saturating_sub(waiting)
    }

    fn figures(
        &self,
        mut buffers: Buffers,
        upkeep: Upkeep,
        period_us: u64,
        now_us: u64,
    ) -> Figures {
        let load = Load::of(self);
        buffers.keep_up(load, upkeep, period_us, now_us);
        let runs = self.request_args > 0;
        let (qbuf, size) = if runs {
            let chunk = self.input.reading_bytes as u64;
            (chunk, buffers.query_bytes.max(QUERY_BYTES).max(chunk))
        } else {
            (load.unparsed, buffers.query_bytes.max(load.unparsed))
        };
        let (argv_mem, args) = if runs {
            (self.request_bytes as u64, self.request_args as u64)
        } else {
            let (bytes, args) = self.input.decoder.parsed();
            (bytes as u64, args as u64)
        };
        let multi_mem = self.transaction.as_ref().map_or(0, |queued| queued.bytes());
        let queued = self.transaction.as_ref().map_or(0, |queued| queued.len());
        let (oll, omem) = blocks(load.output, buffers.reply_bytes);
        let subscribed: u64 = self.listens_to_each().map(listed_bytes).sum();
        let prefixes = self
            .tracking
            .as_ref()
            .map_or(0, |tracks| tracks.prefixes.len());
        let held = QUEUED_BYTES * queued as u64 + WATCHED_BYTES * self.watched.len() as u64;
        let query = if size > 0 { size + STRING_OVERHEAD } else { 0 };
        Figures {
            qbuf,
            qbuf_free: size - qbuf,
            argv_mem,
            multi_mem: multi_mem as u64,
            rbs: buffers.reply_bytes,
            rbp: buffers.reply_peak,
            obl: load.output.min(buffers.reply_bytes),
            oll,
            omem,
            tot_mem: omem
                + query
                + CLIENT_BYTES
                + buffers.reply_bytes
                + argv_mem
                + POINTER_BYTES * args
                + multi_mem as u64
                + held
                + subscribed
                + PREFIX_BYTES * prefixes as u64,
        }
    }
}

impl Server {
    /// How often Redis would look after the buffers of a client.
    fn upkeep_period_us(&self) -> u64 {
        1_000_000 / self.config.hz.clamp(1, 500) as u64
    }

    /// What a client's buffers would take by now.
    pub(super) fn figures(&self, client: &Client) -> Figures {
        let (period_us, now_us) = (self.upkeep_period_us(), self.now_us());
        client.figures(client.buffers, self.upkeep, period_us, now_us)
    }

    fn look_after(&mut self, connection: Connection) {
        let (upkeep, period_us, now_us) = (self.upkeep, self.upkeep_period_us(), self.now_us());
        if let Some(client) = self.clients.get_mut(connection)
            && now_us >= client.buffers.kept_up_us + period_us
        {
            let load = Load::of(client);
            client.buffers.keep_up(load, upkeep, period_us, now_us);
        }
    }

    /// So many bytes come from a client, whose buffers were looked after until now.
    pub fn receives(&mut self, connection: Connection, bytes: usize) {
        self.look_after(connection);
        if let Some(client) = self.clients.get_mut(connection)
            && client.buffers.query_bytes > 0
        {
            let peak = &mut client.buffers.query_peak;
            *peak = (*peak).max(bytes as u64);
        }
    }

    /// Looks after the buffers of all clients, as they were looked after so far; then it is to be
    /// done in another way.
    pub(super) fn change_upkeep(&mut self, change: impl FnOnce(&mut Upkeep)) {
        let all: Vec<Connection> = self.clients.connections();
        for connection in all {
            self.look_after(connection);
        }
        change(&mut self.upkeep);
    }

    /// What came from a client is run: what is left of it needs a buffer.
    pub fn received(&mut self, connection: Connection) {
        if let Some(client) = self.clients.get_mut(connection) {
            client.input.reading_bytes = 0;
            if !client.input.pending.is_empty() {
                let load = Load::of(client);
                client.buffers.left_over(load);
            }
        }
        self.count_memory(connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD_US: u64 = 100_000;

    const IDLE: Load = Load {
        unparsed: 0,
        coming: 0,
        output: 0,
        active_us: 0,
    };

    #[test]
    fn a_reply_buffer_shrinks_once_its_peak_is_forgotten_and_grows_when_it_is_full() {
        let mut buffers = Buffers::new(0);
        buffers.keep_up(IDLE, Upkeep::default(), PERIOD_US, 4_900_000);
        assert_eq!(buffers.reply_bytes, 16 * 1024);
        buffers.keep_up(IDLE, Upkeep::default(), PERIOD_US, 5_200_000);
        assert_eq!(buffers.reply_bytes, 1024);
        for (round, size) in [(1, 2048), (2, 4096), (3, 8192), (4, 16384), (5, 16384)] {
            buffers.replied(40_000);
            let now_us = 5_200_000 + round * PERIOD_US;
            buffers.keep_up(IDLE, Upkeep::default(), PERIOD_US, now_us);
            assert_eq!(buffers.reply_bytes, size);
        }
    }

    #[test]
    fn a_query_buffer_goes_when_nothing_comes_for_three_seconds() {
        let mut buffers = Buffers::new(0);
        buffers.left_over(Load {
            unparsed: 10,
            ..IDLE
        });
        buffers.keep_up(IDLE, Upkeep::default(), PERIOD_US, 2_900_000);
        assert_eq!(buffers.query_bytes, QUERY_BYTES);
        buffers.keep_up(IDLE, Upkeep::default(), PERIOD_US, 3_000_000);
        assert_eq!(buffers.query_bytes, 0);
    }

    #[test]
    fn a_query_buffer_shrinks_to_its_peak_of_late() {
        let mut buffers = Buffers::new(0);
        buffers.requested(400_000);
        buffers.keep_up(IDLE, Upkeep::default(), PERIOD_US, PERIOD_US);
        assert_eq!(buffers.query_bytes, 400_000);
        buffers.left_over(Load {
            unparsed: 130,
            ..IDLE
        });
        buffers.keep_up(IDLE, Upkeep::default(), PERIOD_US, 2 * PERIOD_US);
        assert_eq!(buffers.query_bytes, 130);
        let paused = Upkeep {
            is_paused: true,
            ..Upkeep::default()
        };
        buffers.keep_up(IDLE, paused, PERIOD_US, 9_000_000);
        assert_eq!(buffers.query_bytes, 130);
    }

    #[test]
    fn output_beyond_the_first_buffer_takes_whole_blocks() {
        assert_eq!(blocks(16 * 1024, REPLY_BYTES), (0, 0));
        assert_eq!(blocks(16 * 1024 + 1, REPLY_BYTES), (1, 20_504));
        assert_eq!(blocks(5000, LEAST_REPLY_BYTES), (1, 20_504));
    }
}
