//! Where a server listens: what redis.conf says about sockets, at the start and when CONFIG SET changes
//! it, and the sockets themselves.
//!
//! Owns every listening socket of one server. Knows nothing of connections.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::bindings::Refusal;
use crate::descriptors;
use crate::error::Error;
use crate::net::{self, Hub};
use crate::socket::{Door, Keys, Listener};
use crate::tls::{self, Made};

/// A name and its value, as in redis.conf.
type Pair = (String, String);

/// What clients are told when TLS is configured, but its port can't be had.
const NO_PORT: &str = "Unable to listen on this port. Check server logs.";

/// Sockets that are open, so that the system lets connections queue up, but belong to no thread yet.
pub(crate) struct Sockets {
    config: Vec<Pair>,
    wanted: Wanted,
    tcp: Vec<Bare>,
    tls: Vec<Bare>,
    acceptor: Option<TlsAcceptor>,
    made: Option<Made>,
    unix: Option<(BareUnix, SocketFile)>,
}

/// A listening socket and its address.
type Bare = (SocketAddr, TcpListener);

#[cfg(unix)]
type BareUnix = std::os::unix::net::UnixListener;
#[cfg(not(unix))]
type BareUnix = std::convert::Infallible;

impl Sockets {
    /// Opens the sockets that the parameters want.
    pub(crate) fn open(config: &mut Vec<Pair>) -> Result<Self, Error> {
        let mut wanted = Wanted::from(config)?;
        let tls = tls::prepare(config)?;
        if wanted.bind.is_empty() {
            return Err(refused("bind", "", "it needs at least one address"));
        }
        // As on a real server: port 0 beside a port for TLS means that there is nothing without.
        let only_tls = wanted.port == 0 && tls.as_ref().is_some_and(|tls| tls.port != 0);
        let unix = listen_unix(&wanted)?;
        let mut sockets = Self {
            config: Vec::new(),
            wanted: Wanted::default(),
            tcp: Vec::new(),
            tls: Vec::new(),
            acceptor: None,
            made: None,
            unix,
        };
        if !only_tls {
            sockets.tcp = begin(&wanted, wanted.port)?;
        }
        wanted.port = port_of(&sockets.tcp);
        if let Some(tls) = tls {
            sockets.tls = begin(&wanted, tls.port)?;
            sockets.acceptor = Some(tls.acceptor);
            sockets.made = tls.made;
        }
        wanted.tls_port = port_of(&sockets.tls);
        sockets.wanted = wanted;
        sockets.config.clone_from(config);
        sockets.config.extend(sockets.told());
        Ok(sockets)
    }

    /// What the engine is to be told: the ports and addresses that are in force.
    pub(crate) fn told(&self) -> Vec<Pair> {
        let wanted = &self.wanted;
        let mut told = vec![
            ("port".to_owned(), wanted.port.to_string()),
            ("tls-port".to_owned(), wanted.tls_port.to_string()),
            ("bind".to_owned(), wanted.bind.join(" ")),
        ];
        if let Some(path) = &wanted.unix_socket {
            told.push(("unixsocket".to_owned(), path.display().to_string()));
        }
        told
    }

    /// Where it listens without TLS, and with it.
    pub(crate) fn addresses(&self) -> [Vec<SocketAddr>; 2] {
        let of = |opened: &[Bare]| opened.iter().map(|(address, _)| *address).collect();
        [of(&self.tcp), of(&self.tls)]
    }

    /// The certificate, where one was made.
    pub(crate) fn certificate(&self) -> Option<String> {
        self.made.as_ref().map(|made| made.text.clone())
    }

    /// The Unix socket, if there is one.
    pub(crate) fn unix_socket(&self) -> Option<PathBuf> {
        self.wanted.unix_socket.clone()
    }
}

/// The listening sockets of one server.
pub(crate) struct Listeners {
    hub: Rc<Hub>,
    /// All that was said of sockets and TLS; the last word on each counts.
    config: Vec<Pair>,
    /// What of it is in force.
    wanted: Wanted,
    /// How TLS is spoken, once it is.
    keys: Option<Keys>,
    /// The certificate, where one was made.
    made: Option<Made>,
    tcp: Vec<Open>,
    tls: Vec<Open>,
    unix: Option<(Open, SocketFile)>,
}

/// An open socket. It closes when it is dropped.
struct Open {
    door: Rc<Door>,
    /// Who stands there and lets connections in.
    porter: Option<AbortHandle>,
}

impl Open {
    fn new(listener: Listener) -> Self {
        Self {
            door: Door::new(listener),
            porter: None,
        }
    }

    fn accept(&mut self, hub: &Rc<Hub>) {
        let porter = net::accept(hub.clone(), self.door.clone());
        self.porter = Some(tokio::task::spawn_local(porter).abort_handle());
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // The porter goes when the runtime gets to it; the socket is closed by then.
        self.door.close();
        if let Some(porter) = self.porter.take() {
            porter.abort();
        }
    }
}

impl Listeners {
    /// Sockets that belong to this thread from now on. Nobody is let in yet.
    pub(crate) fn of(sockets: Sockets, hub: &Rc<Hub>) -> Result<Self, Error> {
        let keys = sockets.acceptor.map(|keys| Rc::new(RefCell::new(keys)));
        let begin = |opened: Vec<Bare>, keys: Option<&Keys>| {
            let opened = opened
                .into_iter()
                .map(|(address, socket)| open(socket, keys).map_err(|error| (address, error)));
            let opened: Result<Vec<Open>, _> = opened.collect();
            opened.map_err(|(address, reason)| Error::Listen {
                address: address.to_string(),
                reason,
            })
        };
        hub.set_keepalive(sockets.wanted.keepalive_s);
        Ok(Self {
            hub: hub.clone(),
            config: sockets.config,
            tcp: begin(sockets.tcp, None)?,
            tls: begin(sockets.tls, keys.as_ref())?,
            unix: match sockets.unix {
                None => None,
                Some((socket, file)) => Some((open_unix(socket, &file.0)?, file)),
            },
            keys,
            made: sockets.made,
            wanted: sockets.wanted,
        })
    }

    /// Lets connections in from now on.
    pub(crate) fn accept(&mut self) {
        let unix = self.unix.iter_mut().map(|(open, _)| open);
        for open in self.tcp.iter_mut().chain(&mut self.tls).chain(unix) {
            open.accept(&self.hub);
        }
    }

    /// CONFIG SET: heeds all of the parameters, or none. Connections that are there stay.
    pub(crate) fn configure(&mut self, given: &[Pair]) -> Result<(), Refusal> {
        let refuse = |about: &str, why: &str| Refusal {
            about: about.to_owned(),
            why: why.to_owned(),
        };
        let named = |names: &[&str]| {
            let mut given = given.iter().map(|(name, _)| name.as_str());
            given.find(|name| names.contains(name))
        };
        let config = [&self.config[..], given].concat();
        let wanted = Wanted::from(&config).map_err(|error| {
            tracing::warn!("{error}");
            refuse(given.first().map_or("", |(name, _)| name), "")
        })?;
        if named(&["maxclients"]).is_some()
            && let Err(most) = descriptors::make_room_for(wanted.most_clients)
        {
            let why = format!(
                "The operating system is not able to handle the specified number of clients, try with \
                 {most}"
            );
            return Err(refuse("maxclients", &why));
        }
        let mut given_names = given.iter().map(|(name, _)| name);
        let of_tls = given_names.find(|name| name.starts_with("tls-"));
        let mut acceptor = None;
        if let Some(about) = of_tls.filter(|_| wanted.tls_port != 0) {
            let renewed = tls::renew(&config, self.made.as_ref());
            acceptor = Some(renewed.map_err(|error| {
                tracing::warn!("{error}");
                refuse(about, "")
            })?);
        }
        let keys = match (&self.keys, acceptor.clone()) {
            (None, Some(acceptor)) => Some(Rc::new(RefCell::new(acceptor))),
            (keys, _) => keys.clone(),
        };

        let before = std::mem::replace(&mut self.wanted, wanted);
        if let Some(about) = named(&["port", "bind"])
            && !self.reopen_tcp()
        {
            self.wanted = before;
            self.reopen_tcp();
            return Err(refuse(about, ""));
        }
        let former = std::mem::replace(&mut self.keys, keys);
        if let Some(about) = named(&["tls-port", "bind"])
            && !self.reopen_tls()
        {
            self.keys = former;
            self.wanted = before;
            self.reopen_tcp();
            self.reopen_tls();
            return Err(refuse(about, if about == "bind" { "" } else { NO_PORT }));
        }
        if let (Some(keys), Some(acceptor)) = (&self.keys, acceptor) {
            keys.replace(acceptor);
        }
        self.config = config;
        Ok(())
    }

    /// Closes the sockets without TLS and opens those that are wanted now.
    fn reopen_tcp(&mut self) -> bool {
        self.tcp.clear();
        let port = self.wanted.port;
        let opened = self.reopen(port, None);
        let is_open = opened.is_some();
        self.tcp = opened.unwrap_or_default();
        is_open
    }

    /// The same with TLS.
    fn reopen_tls(&mut self) -> bool {
        self.tls.clear();
        let Some(keys) = self.keys.clone() else {
            return true;
        };
        let opened = self.reopen(self.wanted.tls_port, Some(&keys));
        let is_open = opened.is_some();
        self.tls = opened.unwrap_or_default();
        is_open
    }

    fn reopen(&self, port: u16, keys: Option<&Keys>) -> Option<Vec<Open>> {
        if port == 0 {
            // Not any port: none.
            return Some(Vec::new());
        }
        let opened = listen_tcp(&self.wanted, port).and_then(|opened| {
            let opened = opened.into_iter().map(|(address, socket)| {
                open(socket, keys).map_err(|error| (address.to_string(), error))
            });
            opened.collect::<Result<Vec<Open>, _>>()
        });
        match opened {
            Ok(mut opened) => {
                opened.iter_mut().for_each(|open| open.accept(&self.hub));
                Some(opened)
            }
            Err((address, error)) => {
                tracing::warn!(
                    "Warning: Could not create server TCP listening socket {address}: {error}"
                );
                None
            }
        }
    }
}

/// Has this thread hear of who comes to a socket.
fn open(socket: TcpListener, keys: Option<&Keys>) -> io::Result<Open> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    Ok(Open::new(match keys {
        None => Listener::Tcp(socket),
        Some(keys) => Listener::Tls(socket, keys.clone()),
    }))
}

/// Opens the first sockets; there has to be one.
fn begin(wanted: &Wanted, port: u16) -> Result<Vec<Bare>, Error> {
    let opened = listen_tcp(wanted, port);
    let opened = opened.map_err(|(address, reason)| Error::Listen { address, reason })?;
    if opened.is_empty() {
        let bind = wanted.bind.join(" ");
        let why = "this machine has none of the addresses";
        return Err(refused("bind", &bind, why));
    }
    Ok(opened)
}

fn port_of(opened: &[Bare]) -> u16 {
    opened.first().map_or(0, |(address, _)| address.port())
}

/// What redis.conf says about sockets.
#[derive(Debug, Default, PartialEq)]
struct Wanted {
    port: u16,
    tls_port: u16,
    most_clients: u64,
    bind: Vec<String>,
    unix_socket: Option<PathBuf>,
    unix_socket_mode: Option<u32>,
    backlog: i32,
    keepalive_s: u64,
}

impl Wanted {
    fn from(config: &[(String, String)]) -> Result<Self, Error> {
        let mut wanted = Self {
            port: 0,
            tls_port: 0,
            most_clients: 10_000,
            bind: vec!["127.0.0.1".to_owned()],
            unix_socket: None,
            unix_socket_mode: None,
            backlog: 511,
            keepalive_s: 300,
        };
        for (name, value) in config {
            match name.to_ascii_lowercase().as_str() {
                "port" => wanted.port = number(name, value)?,
                "tls-port" => wanted.tls_port = number(name, value)?,
                "maxclients" => wanted.most_clients = number(name, value)?,
                "bind" => wanted.bind = value.split_whitespace().map(str::to_owned).collect(),
                "unixsocket" => {
                    wanted.unix_socket = (!value.is_empty()).then(|| PathBuf::from(value));
                }
                "unixsocketperm" => {
                    let mode = u32::from_str_radix(value, 8)
                        .ok()
                        .filter(|mode| *mode <= 0o777);
                    let mode =
                        mode.ok_or_else(|| refused(name, value, "it is octal, at most 777"))?;
                    wanted.unix_socket_mode = (mode != 0).then_some(mode);
                }
                "tcp-backlog" => wanted.backlog = number(name, value)?,
                "tcp-keepalive" => wanted.keepalive_s = number::<u32>(name, value)?.into(),
                _ => {}
            }
        }
        Ok(wanted)
    }
}

fn number<N: std::str::FromStr>(name: &str, value: &str) -> Result<N, Error> {
    value
        .parse()
        .map_err(|_| refused(name, value, "it must be a number in range"))
}

fn refused(name: &str, value: &str, why: &str) -> Error {
    Error::Config(format!("'{name} {value}': {why}"))
}

/// Opens a socket for every address; a free port is chosen once and taken for all. Fails with the address
/// and what is wrong with it.
fn listen_tcp(wanted: &Wanted, mut port: u16) -> Result<Vec<Bare>, (String, io::Error)> {
    let mut opened = Vec::new();
    for address in &wanted.bind {
        // As Redis has it: `-` before an address that may be missing on this machine.
        let (host, optional) = match address.strip_prefix('-') {
            Some(host) => (host, true),
            None => (address.as_str(), false),
        };
        let host = match host {
            "*" => "0.0.0.0",
            "::*" => "::",
            host => host,
        };
        match listen_on(host, port, wanted.backlog) {
            Ok((address, socket)) => {
                port = address.port();
                opened.push((address, socket));
            }
            Err(error) if optional && is_missing(&error) => {
                tracing::info!("Not listening on {host}: {error}");
            }
            Err(error) => return Err((format!("{host}:{port}"), error)),
        }
    }
    Ok(opened)
}

fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, NotFound, Unsupported};
    matches!(error.kind(), AddrNotAvailable | NotFound | Unsupported)
}

fn listen_on(host: &str, port: u16, backlog: i32) -> io::Result<(SocketAddr, TcpListener)> {
    let address = (host, port)
        .to_socket_addrs()?
        .next()
        .ok_or(io::ErrorKind::NotFound)?;
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // On Windows it would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    pace_for_loopback(&socket, address.ip());
    socket.listen(backlog)?;
    let listener = TcpListener::from(socket);
    Ok((listener.local_addr()?, listener))
}

/// Between two ends of one machine there is no congestion: what a system may have chosen for the
/// internet (BBR, with its timers) costs a twentieth of the server's time at pipeline 16. Connections
/// have what their listener has.
fn pace_for_loopback(socket: &Socket, address: IpAddr) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if address.is_loopback()
        && let Err(error) = socket.set_tcp_congestion(b"reno")
    {
        tracing::debug!("Setting TCP_CONGESTION: {error}");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (socket, address);
}

/// The file of a Unix socket; it goes when the server goes.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Someone else may have taken it away.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(unix)]
fn listen_unix(wanted: &Wanted) -> Result<Option<(BareUnix, SocketFile)>, Error> {
    let Some(path) = &wanted.unix_socket else {
        return Ok(None);
    };
    let open = || -> io::Result<BareUnix> {
        clear_way(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&socket2::SockAddr::unix(path)?)?;
        if let Some(mode) = wanted.unix_socket_mode {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        }
        socket.listen(wanted.backlog)?;
        Ok(socket.into())
    };
    let listener = open().map_err(|reason| Error::Listen {
        address: path.display().to_string(),
        reason,
    })?;
    Ok(Some((listener, SocketFile(path.clone()))))
}

#[cfg(unix)]
fn open_unix(socket: BareUnix, path: &Path) -> Result<Open, Error> {
    let name = path.display().to_string();
    match tokio::net::UnixListener::from_std(socket) {
        Ok(socket) => Ok(Open::new(Listener::Unix(socket, name))),
        Err(reason) => Err(Error::Listen {
            address: name,
            reason,
        }),
    }
}

/// Removes a socket that a server left behind, but neither one in use nor any other file.
#[cfg(unix)]
fn clear_way(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::ErrorKind::AlreadyExists.into()),
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
            Err(_) => std::fs::remove_file(path),
        },
    }
}

#[cfg(not(unix))]
fn open_unix(socket: BareUnix, _path: &Path) -> Result<Open, Error> {
    match socket {}
}

#[cfg(not(unix))]
fn listen_unix(wanted: &Wanted) -> Result<Option<(BareUnix, SocketFile)>, Error> {
    match &wanted.unix_socket {
        None => Ok(None),
        Some(path) => Err(Error::Listen {
            address: path.display().to_string(),
            reason: io::ErrorKind::Unsupported.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(config: &[(&str, &str)]) -> Result<Wanted, String> {
        let config: Vec<_> = config
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Wanted::from(&config).map_err(|error| error.to_string())
    }

    #[test]
    fn the_last_word_on_a_socket_counts() {
        let got = wanted(&[
            ("port", "7000"),
            ("Port", "7001"),
            ("bind", "127.0.0.1 -::1"),
        ]);
        let got = got.expect("in range");
        assert_eq!(got.port, 7001);
        assert_eq!(got.bind, ["127.0.0.1", "-::1"]);
        assert_eq!(got.keepalive_s, 300);
    }

    #[test]
    fn what_is_out_of_range_is_said() {
        for (name, value) in [("port", "70000"), ("unixsocketperm", "999")] {
            let error = wanted(&[(name, value)]).expect_err(name);
            assert!(error.contains(name), "{error}");
        }
    }
}
