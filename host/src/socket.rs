//! Sockets of all kinds, and their two ends: TCP, TLS on TCP, Unix.
//!
//! Owns what differs between them. Knows nothing of connections as the engine sees them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, tcp};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream, unix};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::bindings::Transport;

/// How long a peer may take to agree on keys.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// How connections are secured from now on.
pub(crate) type Keys = Rc<RefCell<TlsAcceptor>>;

/// An open listening socket.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, Keys),
    #[cfg(unix)]
    Unix(UnixListener, String),
}

/// A peer that came.
pub(crate) enum Peer {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    #[cfg(unix)]
    Unix(UnixStream, String),
}

/// A peer of which more may have to be known before it is one.
pub(crate) enum Arrival {
    Known(Peer),
    /// Keys are to be agreed on first.
    Stranger(TcpStream, TlsAcceptor),
}

impl Listener {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Arrival>> {
        Poll::Ready(Ok(match self {
            Self::Tcp(listener) => Arrival::Known(Peer::Tcp(ready!(listener.poll_accept(cx))?.0)),
            Self::Tls(listener, keys) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                Arrival::Stranger(stream, keys.borrow().clone())
            }
            #[cfg(unix)]
            Self::Unix(listener, path) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                Arrival::Known(Peer::Unix(stream, path.clone()))
            }
        }))
    }
}

/// A listening socket that can be closed at any time, also while somebody waits at it.
pub(crate) struct Door(RefCell<Option<Listener>>);

impl Door {
    pub(crate) fn new(listener: Listener) -> Rc<Self> {
        Rc::new(Self(RefCell::new(Some(listener))))
    }

    /// Closes it at once: another one may be opened in its place.
    pub(crate) fn close(&self) {
        self.0.take();
    }

    /// The next peer; waits for ever once it is closed.
    pub(crate) async fn accept(&self) -> io::Result<Arrival> {
        poll_fn(|cx| match &*self.0.borrow() {
            Some(listener) => listener.poll_accept(cx),
            None => Poll::Pending,
        })
        .await
    }
}

/// Agrees on keys with a peer; None, and a line in the log, if that fails.
pub(crate) async fn shake_hands(stream: TcpStream, acceptor: TlsAcceptor) -> Option<Peer> {
    let peer = address(stream.peer_addr());
    let local = address(stream.local_addr());
    let agreed = tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await;
    let agreed = agreed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    match agreed {
        Ok(stream) => Some(Peer::Tls(Box::new(stream))),
        Err(error) => {
            tracing::warn!(
                "Error accepting a client connection: {error} (addr={peer} laddr={local})"
            );
            None
        }
    }
}

impl Peer {
    pub(crate) fn transport(&self) -> Transport {
        match self {
            Self::Tcp(_) => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
            #[cfg(unix)]
            Self::Unix(..) => Transport::Unix,
        }
    }

    /// Both addresses, the peer's first, as CLIENT LIST shows them.
    pub(crate) fn addresses(&self) -> (String, String) {
        let of = |stream: &TcpStream| (address(stream.peer_addr()), address(stream.local_addr()));
        match self {
            Self::Tcp(stream) => of(stream),
            Self::Tls(stream) => of(stream.get_ref().0),
            #[cfg(unix)]
            Self::Unix(_, path) => {
                let name = format!("{path}:0");
                (name.clone(), name)
            }
        }
    }

    /// Sets what Redis sets on a connection, and takes its two ends apart.
    pub(crate) fn split(self, keepalive: Option<Duration>) -> (Reader, Writer) {
        match self {
            Self::Tcp(stream) => {
                prepare(&stream, keepalive);
                let (reader, writer) = stream.into_split();
                (Reader::Tcp(reader), Writer::Tcp(writer))
            }
            Self::Tls(stream) => {
                prepare(stream.get_ref().0, keepalive);
                let shared = Rc::new(RefCell::new(*stream));
                (Reader::Tls(shared.clone()), Writer::Tls(shared))
            }
            #[cfg(unix)]
            Self::Unix(stream, _) => {
                let (reader, writer) = stream.into_split();
                (Reader::Unix(reader), Writer::Unix(writer))
            }
        }
    }
}

/// A socket that refuses is served all the same.
fn prepare(stream: &TcpStream, keepalive: Option<Duration>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("Setting TCP_NODELAY: {error}");
    }
    if let Some(silence) = keepalive {
        let keepalive = TcpKeepalive::new()
            .with_time(silence)
            .with_interval((silence / 3).max(Duration::from_secs(1)))
            .with_retries(3);
        if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&keepalive) {
            tracing::debug!("Setting SO_KEEPALIVE: {error}");
        }
    }
}

fn address(address: io::Result<std::net::SocketAddr>) -> String {
    address.map_or_else(|_| "?:0".to_owned(), |address| address.to_string())
}

/// The end that bytes come from.
pub(crate) enum Reader {
    Tcp(tcp::OwnedReadHalf),
    /// Reading and writing are one state in TLS. No call into it lasts, so a cell will do.
    Tls(Rc<RefCell<TlsStream<TcpStream>>>),
    #[cfg(unix)]
    Unix(unix::OwnedReadHalf),
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Reads through `poll_read` rather than `try_read`: it knows that a read which left room
        // has emptied the socket, and saves the read that would only be told so.
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(&mut *stream.borrow_mut()).poll_read(cx, buffer),
            #[cfg(unix)]
            Self::Unix(half) => Pin::new(half).poll_read(cx, buffer),
        }
    }
}

/// The end that bytes go to.
pub(crate) enum Writer {
    Tcp(tcp::OwnedWriteHalf),
    Tls(Rc<RefCell<TlsStream<TcpStream>>>),
    #[cfg(unix)]
    Unix(unix::OwnedWriteHalf),
}

impl Writer {
    /// Writes what is taken at once. `task` is whom to wake when more can be written, if there is
    /// someone yet.
    pub(crate) fn try_write(&self, bytes: &[u8], task: Option<&Waker>) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(bytes),
            Self::Tls(stream) => {
                let mut cx = Context::from_waker(task.unwrap_or(Waker::noop()));
                let mut stream = stream.borrow_mut();
                match Pin::new(&mut *stream).poll_write(&mut cx, bytes) {
                    Poll::Ready(result) => result,
                    Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
            #[cfg(unix)]
            Self::Unix(half) => half.try_write(bytes),
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(&mut *stream.borrow_mut()).poll_write(cx, bytes),
            #[cfg(unix)]
            Self::Unix(half) => Pin::new(half).poll_write(cx, bytes),
        }
    }

    /// Whether bytes that were taken are still to be sent: a record of TLS goes out whole.
    pub(crate) fn holds_back(&self) -> bool {
        match self {
            Self::Tls(stream) => stream.borrow().get_ref().1.wants_write(),
            _ => false,
        }
    }

    /// Sends what is held back.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tls(stream) => Pin::new(&mut *stream.borrow_mut()).poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Says that nothing more comes, where the peer would otherwise think that it was cut off. If it
    /// takes no bytes now, it does not hear it.
    pub(crate) fn say_goodbye(&self) {
        if let Self::Tls(stream) = self {
            let mut stream = stream.borrow_mut();
            stream.get_mut().1.send_close_notify();
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut *stream).poll_flush(&mut cx);
        }
    }
}
