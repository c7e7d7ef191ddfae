//! Sockets: listeners, connections, and what waits to be sent to them.
//!
//! Owns every connection and the batch of what happened on them since the engine was last told.
//! Knows nothing of RESP and never calls the engine: the driver takes the batch and carries out
//! what the engine wants done.
//!
//! One task serves one connection. All tasks that one wake-up of the operating system makes ready
//! read into the same batch and run before the driver, which was queued behind the first of them;
//! so a batch costs one call of the engine however many connections it holds. The driver writes
//! replies straight to the sockets; only what a socket does not take goes through an outbox and
//! the connection's task.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use slab::Slab;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;

use crate::bindings::{Controlled, Delivery, Event, Opened, Received, Saved, Signal, Unsent};
use crate::socket::{Arrival, Door, Peer, Reader, Writer, shake_hands};

/// Bytes of input after which the engine is told before anything else is read. Not more, so that
/// peers work on their replies while the next ones are read: at pipeline 16 that is a tenth to a fifth
/// of throughput. Fifty clients with one short request each still make one batch.
const FULL_BATCH: usize = 4 << 10;

/// What a batch's buffer may keep when it is empty.
const KEPT_BUFFER: usize = 4 << 20;

/// Bytes that one connection may bring per turn at first, and when it has shown that it brings
/// much.
const WINDOW: usize = 16 << 10;
const LARGEST_WINDOW: usize = 256 << 10;

/// Bytes waiting for a peer that takes nothing: beyond the first nothing is read from it any more;
/// at the second the connection is given up.
const READ_GATE: u64 = 64 << 20;
const LARGEST_BACKLOG: u64 = 1 << 30;

/// Bytes that are copied together to be written at once.
const LARGEST_COPY: usize = 64 << 10;

/// Bytes that are copied together in an outbox rather than kept as pieces of a shared buffer.
const SMALL_PIECE: usize = 32 << 10;

/// How long a connection that is to be closed may take to accept what waits for it.
const LINGER: Duration = Duration::from_secs(10);

/// Peers with whom keys are being agreed on at a time.
const MOST_STRANGERS: usize = 1024;

/// How long to wait before accepting again when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Everything that the tasks of one server share. One thread, so plain cells.
#[derive(Default)]
pub(crate) struct Hub {
    batch: RefCell<Batch>,
    connections: RefCell<Slab<Rc<Connection>>>,
    /// The driver's waker, while it waits.
    driver: RefCell<Option<Waker>>,
    /// Whether the driver has something to do.
    due: Cell<bool>,
    stopping: Cell<bool>,
    /// How long a TCP connection may be silent before the operating system asks whether the peer is
    /// still there.
    keepalive: Cell<Option<Duration>>,
    /// Counts the batches taken, to tell whether a connection's last bytes were seen.
    turn: Cell<u64>,
    /// Tasks that wait for the batch to be taken because it is full.
    held_back: RefCell<Vec<Waker>>,
    /// Who leads connections elsewhere, if somebody does.
    leader: OnceCell<Leader>,
    /// Told when the last connection is gone.
    deserted: Notify,
    /// Handshakes under way, in the order they began, and how many ever began.
    strangers: RefCell<BTreeMap<u64, AbortHandle>>,
    met: Cell<u64>,
}

/// Decides where a connection is admitted.
pub(crate) type Leader = Box<dyn Fn(Peer)>;

/// What happened since the engine was last told.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) events: Vec<Event>,
}

impl Batch {
    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.bytes.clear();
        // One enormous batch is not kept for ever.
        self.bytes.shrink_to(KEPT_BUFFER);
    }
}

impl Hub {
    /// Sees to it that the driver takes a turn.
    pub(crate) fn wake(&self) {
        if !self.due.replace(true)
            && let Some(driver) = &*self.driver.borrow()
        {
            driver.wake_by_ref();
        }
    }

    /// Whether there is something for the driver to do.
    pub(crate) fn is_due(&self) -> bool {
        self.due.get()
    }

    /// Ready when there is something for the driver to do.
    pub(crate) fn poll_due(&self, cx: &Context<'_>) -> Poll<()> {
        if self.due.replace(false) {
            return Poll::Ready(());
        }
        let mut driver = self.driver.borrow_mut();
        if !driver
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            *driver = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Asks the driver to end.
    pub(crate) fn stop(&self) {
        self.stopping.set(true);
        self.wake();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Exchanges the batch for an empty one.
    pub(crate) fn take(&self, empty: &mut Batch) {
        std::mem::swap(&mut *self.batch.borrow_mut(), empty);
        self.turn.set(self.turn.get() + 1);
        self.held_back.borrow_mut().drain(..).for_each(Waker::wake);
    }

    /// How many batches were taken.
    #[cfg(test)]
    pub(crate) fn turns(&self) -> u64 {
        self.turn.get()
    }

    fn report(&self, event: Event) {
        self.batch.borrow_mut().events.push(event);
        self.wake();
    }

    /// Tells the engine whether an image was written.
    pub(crate) fn saved(&self, number: u32, written: bool) {
        self.report(Event::Saved(Saved { number, written }));
    }

    /// Tells the engine what came of something that a client had asked for.
    pub(crate) fn controlled(&self, number: u64, connection: u32, reply: Vec<u8>) {
        self.report(Event::Controlled(Controlled {
            number,
            connection,
            reply,
        }));
    }

    /// Tells the engine that the process is asked to end.
    pub(crate) fn signal(&self, signal: Signal) {
        self.report(Event::Signal(signal));
    }

    /// Sends what a turn brought, in order for each connection. One that is gone meanwhile is passed
    /// over.
    ///
    /// Each connection is written to once, however often it was sent something: sixteen messages
    /// for a hundred listeners are a hundred writes, not sixteen hundred. The connections' turns come
    /// in the order of what they were sent first: who asked first hears first, so what a peer held back
    /// until it was answered (Nagle's algorithm) is here before the next request of whoever asked later.
    pub(crate) fn send_all(&self, all: &Bytes, sends: &[Delivery]) {
        let end = |send: &Delivery| (send.start as usize + send.length as usize).min(all.len());
        let follows = |one: &Delivery, next: &Delivery| {
            one.connection == next.connection && end(one) == next.start as usize
        };
        let pieces = || {
            sends.chunk_by(follows).filter_map(|run| {
                let (first, last) = (run.first()?, run.last()?);
                Some((first.connection, first.start as usize..end(last)))
            })
        };
        let connections = self.connections.borrow();
        let mut is_repeated = false;
        for (number, _) in pieces() {
            if let Some(connection) = connections.get(number as usize) {
                let count = connection.pieces.get() + 1;
                connection.pieces.set(count);
                is_repeated |= count > 1;
            }
        }
        // All pieces of one connection together, in the order in which they came; the connections in
        // the order of their first.
        let mut repeated = Vec::new();
        if is_repeated {
            repeated.extend(pieces().enumerate().filter(|(_, (number, _))| {
                let connection = connections.get(*number as usize);
                connection.is_some_and(|connection| connection.pieces.get() > 1)
            }));
            repeated.sort_unstable_by_key(|(index, (number, _))| (*number, *index));
        }
        let mut groups: Vec<_> = repeated
            .chunk_by(|(_, (one, _)), (_, (next, _))| one == next)
            .collect();
        groups.sort_unstable_by_key(|group| group.first().map(|(index, _)| *index));
        let mut groups = groups.into_iter();
        let mut together = Vec::new();
        for (number, range) in pieces() {
            let Some(connection) = connections.get(number as usize) else {
                continue;
            };
            match connection.pieces.replace(0) {
                // It was sent everything with its first piece.
                0 => {}
                1 => connection.send(self, &all[range], Some(all)),
                _ => {
                    for (_, (_, range)) in groups.next().unwrap_or_default() {
                        let piece = &all[range.clone()];
                        if together.len() + piece.len() > LARGEST_COPY {
                            connection.send(self, &together, None);
                            together.clear();
                        }
                        if piece.len() > LARGEST_COPY {
                            connection.send(self, piece, Some(all));
                        } else {
                            together.extend_from_slice(piece);
                        }
                    }
                    connection.send(self, &together, None);
                    together.clear();
                }
            }
        }
    }

    /// Closes a connection that the engine wants closed and frees its number.
    pub(crate) fn close(&self, number: u32, flush: bool) {
        let Some(connection) = self.connections.borrow_mut().try_remove(number as usize) else {
            return;
        };
        if connection.outbox.borrow().reported > 0 {
            // Of a connection that the engine has forgotten it is told nothing more.
            self.batch.borrow_mut().events.retain(
                |event| !matches!(event, Event::Unsent(unsent) if unsent.connection == number),
            );
        }
        connection.end(flush);
        if self.is_deserted() {
            self.deserted.notify_one();
        }
    }

    /// Frees the number of a connection once the engine knows that the peer is gone.
    pub(crate) fn forget(&self, number: u32) {
        self.connections.borrow_mut().try_remove(number as usize);
        if self.is_deserted() {
            self.deserted.notify_one();
        }
    }

    /// Has somebody decide where connections are admitted that come from now on.
    pub(crate) fn lead(&self, leader: Leader) {
        // One who is there already stays.
        let _ = self.leader.set(leader);
    }

    /// True if nobody is connected.
    pub(crate) fn is_deserted(&self) -> bool {
        self.connections.borrow().is_empty()
    }

    /// Waits until the last connection goes.
    pub(crate) async fn deserted(&self) {
        self.deserted.notified().await;
    }

    /// Sends a last message to everyone and closes all connections.
    pub(crate) fn close_all(&self, farewell: &'static [u8]) {
        let farewell = Bytes::from_static(farewell);
        let connections = std::mem::take(&mut *self.connections.borrow_mut());
        for (_, connection) in &connections {
            connection.send(self, &farewell, Some(&farewell));
            connection.end(true);
        }
        // Whatever was just reported concerns connections that no longer exist.
        self.batch.borrow_mut().clear();
    }

    /// Whether something waits to be sent to anyone.
    pub(crate) fn has_backlog(&self) -> bool {
        self.connections
            .borrow()
            .iter()
            .any(|(_, connection)| connection.is_sending())
    }

    /// From now on TCP connections may be silent for so many seconds, for ever with 0.
    pub(crate) fn set_keepalive(&self, seconds: u64) {
        let silence = (seconds > 0).then(|| Duration::from_secs(seconds));
        self.keepalive.set(silence);
    }

    /// Admits a peer once keys are agreed on; others are served meanwhile. If very many take their time
    /// about it, whoever has taken longest has to go.
    fn meet(self: &Rc<Self>, stream: TcpStream, acceptor: TlsAcceptor) {
        let number = self.met.get();
        self.met.set(number + 1);
        let hub = self.clone();
        let task = tokio::task::spawn_local(async move {
            let peer = shake_hands(stream, acceptor).await;
            let mut strangers = hub.strangers.borrow_mut();
            strangers.remove(&number);
            drop(strangers);
            if let Some(peer) = peer {
                hub.receive(peer);
            }
        });
        let mut strangers = self.strangers.borrow_mut();
        if strangers.len() >= MOST_STRANGERS
            && let Some((_, longest)) = strangers.pop_first()
        {
            longest.abort();
        }
        strangers.insert(number, task.abort_handle());
    }

    /// Has a connection admitted, here or where it is led.
    fn receive(self: &Rc<Self>, peer: Peer) {
        match self.leader.get() {
            Some(lead) => lead(peer),
            None => self.admit(peer),
        }
    }

    /// Takes a connection in.
    pub(crate) fn admit(self: &Rc<Self>, socket: Peer) {
        let transport = socket.transport();
        let (peer, local) = socket.addresses();
        let (reader, writer) = socket.split(self.keepalive.get());
        let mut connections = self.connections.borrow_mut();
        let slot = connections.vacant_entry();
        let Ok(number) = u32::try_from(slot.key()) else {
            return;
        };
        let connection = Rc::new(Connection {
            number,
            writer: RefCell::new(writer),
            outbox: RefCell::default(),
            state: Cell::new(State::Open),
            task: RefCell::new(None),
            heard_in: Cell::new(u64::MAX),
            pieces: Cell::new(0),
        });
        slot.insert(connection.clone());
        drop(connections);
        self.report(Event::Opened(Opened {
            connection: number,
            transport,
            peer,
            local,
        }));
        tokio::task::spawn_local(converse(self.clone(), connection, reader));
    }

    /// Reads once from a connection into the batch. Returns how much there was; 0 is the end.
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        connection: &Connection,
        reader: &mut Reader,
        window: usize,
    ) -> Poll<io::Result<usize>> {
        let batch = &mut *self.batch.borrow_mut();
        if batch.bytes.len() >= FULL_BATCH {
            self.held_back.borrow_mut().push(cx.waker().clone());
            return Poll::Pending;
        }
        batch.bytes.reserve(window);
        let mut room = (&mut batch.bytes).limit(window);
        // A read that is dropped while pending has taken nothing.
        let length = ready!(pin!(reader.read_buf(&mut room)).as_mut().poll(cx))?;
        if length > 0 {
            // No window is that large.
            let bytes = u32::try_from(length).unwrap_or(u32::MAX);
            let received = Received {
                connection: connection.number,
                length: bytes,
            };
            batch.events.push(Event::Received(received));
            connection.heard_in.set(self.turn.get());
            self.wake();
        }
        Poll::Ready(Ok(length))
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    /// Writing failed; the engine does not know yet that the peer is gone.
    Broken,
    /// To be closed as soon as the outbox is empty. The engine has forgotten it.
    Ending,
    /// Over: the task ends.
    Over,
}

/// One connection, shared by the table, the driver and its own task.
struct Connection {
    number: u32,
    writer: RefCell<Writer>,
    outbox: RefCell<Outbox>,
    state: Cell<State>,
    task: RefCell<Option<Waker>>,
    /// The turn in which bytes were last read; one that never comes if none were.
    heard_in: Cell<u64>,
    /// Pieces that it is to be sent in this turn and that do not follow each other.
    pieces: Cell<u32>,
}

/// What waits for a peer that does not take it.
#[derive(Default)]
struct Outbox {
    pieces: VecDeque<Bytes>,
    /// Small pieces after those, copied together.
    tail: Vec<u8>,
    bytes: u64,
    /// What the engine was last told of `bytes`.
    reported: u64,
}

impl Outbox {
    /// Keeps bytes, which may be part of a buffer that can be kept instead.
    fn push(&mut self, bytes: &[u8], all: Option<&Bytes>) {
        self.bytes += bytes.len() as u64;
        // A piece keeps the whole buffer alive, so it must be most of it.
        let is_most = |all: &&Bytes| bytes.len() >= SMALL_PIECE && bytes.len() >= all.len() / 2;
        if let Some(all) = all.filter(is_most) {
            self.seal();
            self.pieces.push_back(all.slice_ref(bytes));
        } else {
            self.tail.extend_from_slice(bytes);
            if self.tail.len() >= SMALL_PIECE {
                self.seal();
            }
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.pieces
                .push_back(Bytes::from(std::mem::take(&mut self.tail)));
        }
    }

    /// The next bytes to send.
    fn front(&mut self) -> Option<&Bytes> {
        if self.pieces.is_empty() {
            self.seal();
        }
        self.pieces.front()
    }

    fn sent(&mut self, length: usize) {
        self.bytes -= length as u64;
        if let Some(front) = self.pieces.front_mut() {
            front.advance(length);
            if front.is_empty() {
                self.pieces.pop_front();
            }
        }
    }

    /// What the engine should be told about the backlog, if it has changed enough to matter.
    fn news(&mut self) -> Option<u64> {
        let (now, told) = (self.bytes, self.reported);
        let matters = match (now, told) {
            (0, 0) => false,
            (0, _) | (_, 0) => true,
            _ => now >= told.saturating_mul(2) || now <= told / 2,
        };
        matters.then(|| {
            self.reported = now;
            now
        })
    }
}

impl Connection {
    fn backlog(&self) -> u64 {
        self.outbox.borrow().bytes
    }

    /// Whether anything is still to be sent.
    fn is_sending(&self) -> bool {
        self.backlog() > 0 || self.writer.borrow().holds_back()
    }

    fn wake(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.wake_by_ref();
        }
    }

    /// Sends at once what the socket takes; the rest waits in the outbox.
    fn send(&self, hub: &Hub, mut bytes: &[u8], all: Option<&Bytes>) {
        if self.state.get() != State::Open || bytes.is_empty() {
            return;
        }
        let mut outbox = self.outbox.borrow_mut();
        if outbox.bytes == 0 {
            let writer = self.writer.borrow();
            let task = self.task.borrow();
            while !bytes.is_empty() {
                match writer.try_write(bytes, task.as_ref()) {
                    Ok(length) => bytes = &bytes[length..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => {
                        self.broke();
                        return;
                    }
                }
            }
        }
        if bytes.is_empty() {
            return;
        }
        let was_empty = outbox.bytes == 0;
        outbox.push(bytes, all);
        if outbox.bytes > LARGEST_BACKLOG {
            tracing::warn!(
                "Connection {} is given up: {} bytes wait for it",
                self.number,
                outbox.bytes
            );
            self.broke();
            return;
        }
        let news = outbox.news();
        drop(outbox);
        if was_empty {
            self.wake();
        }
        self.tell(hub, news);
    }

    fn tell(&self, hub: &Hub, backlog: Option<u64>) {
        if let Some(bytes) = backlog
            && self.state.get() == State::Open
        {
            hub.report(Event::Unsent(Unsent {
                connection: self.number,
                bytes,
            }));
        }
    }

    fn broke(&self) {
        if self.state.get() == State::Open {
            self.state.set(State::Broken);
            self.wake();
        }
    }

    /// Ends the connection from this side.
    fn end(&self, flush: bool) {
        let waits = flush && self.state.get() == State::Open && self.is_sending();
        self.state
            .set(if waits { State::Ending } else { State::Over });
        self.wake();
    }

    /// Ends the connection from the other side: the engine is told, and frees the number then.
    fn lost(&self, hub: &Hub) {
        self.state.set(State::Over);
        hub.report(Event::Closed(self.number));
    }

    /// Sends from the outbox until it is empty or the socket takes no more.
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut outbox = self.outbox.borrow_mut();
        let mut writer = self.writer.borrow_mut();
        while let Some(front) = outbox.front() {
            let length = ready!(writer.poll_write(cx, front))?;
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            outbox.sent(length);
        }
        writer.poll_flush(cx)
    }

    /// Sends and receives what can be sent and received; ready when the connection is over.
    fn poll(
        &self,
        cx: &mut Context<'_>,
        hub: &Hub,
        reader: &mut Reader,
        window: &mut usize,
    ) -> Poll<()> {
        if self.task.borrow().is_none() {
            *self.task.borrow_mut() = Some(cx.waker().clone());
        }
        loop {
            if matches!(self.state.get(), State::Open | State::Ending) && self.is_sending() {
                let flushed = self.poll_flush(cx);
                let news = self.outbox.borrow_mut().news();
                self.tell(hub, news);
                match flushed {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) if self.state.get() == State::Ending => {
                        return Poll::Ready(());
                    }
                    Poll::Ready(Err(_)) => self.broke(),
                    Poll::Pending if self.state.get() == State::Ending => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
            match self.state.get() {
                State::Open => {}
                State::Broken => {
                    self.lost(hub);
                    return Poll::Ready(());
                }
                State::Ending | State::Over => return Poll::Ready(()),
            }
            // Whoever takes no replies gets no more requests in; flushing wakes this task.
            if self.backlog() > READ_GATE {
                return Poll::Pending;
            }
            match ready!(hub.poll_receive(cx, self, reader, *window)) {
                // What came right before the end is answered first.
                Ok(0) if self.heard_in.get() == hub.turn.get() => {}
                Ok(0) | Err(_) => {
                    self.lost(hub);
                    return Poll::Ready(());
                }
                Ok(length) if length == *window => {
                    // There is more. Everyone else, the driver included, comes first.
                    *window = (*window * 2).min(LARGEST_WINDOW);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(length) => {
                    if length < *window / 4 {
                        *window = (*window / 2).max(WINDOW);
                    }
                    continue;
                }
            }
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
    }
}

/// Serves one connection until it is over.
async fn converse(hub: Rc<Hub>, connection: Rc<Connection>, mut reader: Reader) {
    let mut window = WINDOW;
    let mut linger: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        let over = connection.poll(cx, &hub, &mut reader, &mut window);
        if over.is_pending() && connection.state.get() == State::Ending {
            let linger = linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
            return linger.as_mut().poll(cx);
        }
        over
    })
    .await;
    connection.writer.borrow().say_goodbye();
}

/// Accepts connections for ever.
pub(crate) async fn accept(hub: Rc<Hub>, door: Rc<Door>) {
    let mut failing = false;
    loop {
        match door.accept().await {
            Ok(arrival) => {
                failing = false;
                match arrival {
                    Arrival::Known(peer) => hub.receive(peer),
                    Arrival::Stranger(stream, acceptor) => hub.meet(stream, acceptor),
                }
            }
            Err(error) if is_the_peers_fault(&error) => {}
            Err(error) => {
                // Most likely there is no file descriptor left. The connection stays in the
                // backlog, so the listener stays ready: without a pause this would spin.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!("Accepting client connection: {error}");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_the_peers_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}
