//! A real Redis 8.0 beside ours: finding it, starting it, playing on it.

use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::play::{Chunk, Patience, Player};
use crate::tcp::Connections;

/// What a test prints that wanted a real Redis and found none.
pub const SKIPPED: &str = "skipped: no redis-server 8.0 found; set PETRIDIS_REDIS_SERVER";

/// The real redis-server: `PETRIDIS_REDIS_SERVER`, or the one on the path, when it is an 8.0.
pub fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let program = env::var_os("PETRIDIS_REDIS_SERVER").unwrap_or("redis-server".into());
        let output = Command::new(&program).arg("--version").output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        version.contains(" v=8.0").then(|| PathBuf::from(program))
    });
    program.as_deref()
}

/// A program that comes with redis-server (`redis-cli`): beside it, or on the path.
pub fn companion(name: &str) -> Option<PathBuf> {
    let beside = env::var_os("PETRIDIS_REDIS_SERVER")
        .map(|server| PathBuf::from(server).with_file_name(name));
    [beside, Some(PathBuf::from(name))]
        .into_iter()
        .flatten()
        .find(|program| {
            let found = Command::new(program)
                .arg("--version")
                .stdout(Stdio::null())
                .status();
            found.is_ok_and(|status| status.success())
        })
}

/// A running real Redis; it ends when dropped.
pub struct Real {
    child: Child,
    address: SocketAddr,
    connections: Connections,
    _folder: TempDir,
}

impl Real {
    /// Starts one on a free port of the loopback; `None` when there is no program.
    pub fn start(config: &[(String, String)]) -> Option<Self> {
        let program = program()?;
        // A port that is free now may be taken a moment later.
        (0..10).find_map(|_| Self::launch(program, config))
    }

    fn launch(program: &Path, config: &[(String, String)]) -> Option<Self> {
        let address = free_address();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
        command.args(["--save", ""]).arg("--dir").arg(folder.path());
        for (name, value) in config {
            command.arg(format!("--{name}")).args(value.split(' '));
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        loop {
            if let Ok(stream) = std::net::TcpStream::connect(address) {
                drop(stream);
                break;
            }
            if child.try_wait().expect("a child").is_some() {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let connections = Connections::new(address);
        Some(Self {
            child,
            address,
            connections,
            _folder: folder,
        })
    }

    /// True if nobody listens any more: it has crashed.
    pub fn is_gone(&self) -> bool {
        TcpStream::connect(self.address).is_err()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leaves all clients and begins with new ones.
    pub fn reconnect(&mut self) {
        self.connections = Connections::new(self.address);
    }

    /// Waits as recording must: it can't know which command has no answer.
    pub fn for_recording(mut self) -> Self {
        let (due, grace) = (Duration::from_millis(1500), Duration::from_millis(60));
        self.connections = Connections::new(self.address).with_patience(due, grace);
        self
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port on the loopback")
}

impl Player for Real {
    fn send(&mut self, client: &str, bytes: &[u8]) {
        self.connections.send(client, bytes);
    }

    fn receive(&mut self, client: &str, patience: Patience) -> Chunk {
        self.connections.receive(client, patience)
    }

    /// A real Redis has only the real clock.
    fn advance(&mut self, duration: Duration) {
        thread::sleep(duration);
    }

    fn leave(&mut self, client: &str) {
        self.connections.leave(client);
    }
}
