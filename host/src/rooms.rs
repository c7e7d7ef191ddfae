//! One port, many dishes: the user name that a connection begins with chooses its instance, which is
//! forked from the server's at its first use and goes when nobody is left.
//!
//! Owns the instances and their ends. Looks at what a connection says first without taking it, and knows
//! no more of RESP than where a user name stands.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant as TokioInstant, sleep};

use crate::clock::Clock;
use crate::control::{Desk, Forker};
use crate::driver::Driver;
use crate::error::Error;
use crate::instance::{Instance, Setup};
use crate::net::Hub;
use crate::reply::{self, Reply};
use crate::snapshot::Snapshot;
use crate::socket::Peer;

/// The first request has to come whole within this, and within so many bytes, to choose an instance.
const FIRST_REQUEST: Duration = Duration::from_secs(1);
const FIRST_BYTES: usize = 4096;

/// How often an incomplete one is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// What connections hear that come when there are enough instances.
const FULL: &[u8] = b"-ERR max number of instances reached\r\n";

/// How instances for users are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PerUser {
    /// There are not more at a time.
    pub(crate) most: usize,
    /// How long one stays that nobody is connected to; for ever without it.
    pub(crate) stays: Option<Duration>,
}

/// The instances of one server's users.
pub(crate) struct Rooms {
    how: PerUser,
    origin: Snapshot,
    clock: Clock,
    facts: Vec<(String, String)>,
    /// What everybody has to say who wants in.
    password: Option<String>,
    forker: Forker,
    rooms: RefCell<BTreeMap<Vec<u8>, Rc<Hub>>>,
}

impl Rooms {
    /// Rooms that are forks of what `instance` is now; `setup` is what it was started with.
    pub(crate) fn new(
        how: PerUser,
        instance: &mut Instance,
        setup: &Setup,
        forker: Forker,
    ) -> Result<Rc<Self>, Error> {
        let password = setup.config.iter().rev();
        let password = password
            .filter(|(name, _)| name.eq_ignore_ascii_case("requirepass"))
            .map(|(_, password)| password.clone())
            .next();
        Ok(Rc::new(Self {
            how,
            origin: instance.snapshot()?,
            clock: instance.clock().clone(),
            facts: setup.facts.clone(),
            password: password.filter(|password| !password.is_empty()),
            forker,
            rooms: RefCell::default(),
        }))
    }

    /// Leads each connection of `hub` to where it belongs.
    pub(crate) fn open(self: &Rc<Self>, hub: &Rc<Hub>) {
        let (rooms, lobby) = (self.clone(), Rc::downgrade(hub));
        hub.lead(Box::new(move |socket| {
            tokio::task::spawn_local(lead(rooms.clone(), lobby.clone(), socket));
        }));
    }

    /// The room of a user, made if there is none.
    fn room(self: &Rc<Self>, user: &[u8]) -> Result<Option<Rc<Hub>>, Error> {
        if let Some(hub) = self.rooms.borrow().get(user) {
            return Ok(Some(hub.clone()));
        }
        if self.rooms.borrow().len() >= self.how.most {
            return Ok(None);
        }
        let mut setup = Setup {
            facts: self.facts.clone(),
            known_as: Some(format!("user-{}", String::from_utf8_lossy(user))),
            ..Setup::default()
        };
        if let Clock::Manual(clock) = &self.clock {
            // Whoever moves it means all.
            setup.clock = Some(clock.clone().into());
        }
        setup.fork(&self.origin);
        let mut instance = Instance::with(setup)?;
        let password = match &self.password {
            Some(password) => format!(">{password}"),
            None => "nopass".to_owned(),
        };
        let mut request = Vec::new();
        let rules = [password.as_bytes(), b"~*", b"&*", b"+@all"];
        let [password, keys, channels, commands] = rules;
        reply::request(
            &mut request,
            &[
                b"ACL", b"SETUSER", user, b"reset", b"on", password, keys, channels, commands,
            ],
        );
        if self.password.is_none() {
            // Who has a name and no password may say it as one: `AUTH name` is for the default user.
            let as_password = [b">", user].concat();
            let words: [&[u8]; 5] = [b"ACL", b"SETUSER", b"default", b"resetpass", &as_password];
            reply::request(&mut request, &words);
        }
        instance.prepare(&request)?;
        let hub = Rc::new(Hub::default());
        self.rooms.borrow_mut().insert(user.to_vec(), hub.clone());
        tokio::task::spawn_local(live(self.clone(), user.to_vec(), hub.clone(), instance));
        if let Some(stays) = self.how.stays {
            let ending = end_when_deserted(self.clone(), user.to_vec(), hub.clone(), stays);
            tokio::task::spawn_local(ending);
        }
        Ok(Some(hub))
    }

    /// From now on nobody is led there: who comes next has another one.
    fn shut(&self, user: &[u8], hub: &Rc<Hub>) {
        let mut rooms = self.rooms.borrow_mut();
        if rooms.get(user).is_some_and(|room| Rc::ptr_eq(room, hub)) {
            rooms.remove(user);
        }
    }
}

/// The whole life of a room.
async fn live(rooms: Rc<Rooms>, user: Vec<u8>, hub: Rc<Hub>, instance: Instance) {
    let driver = Driver::new(
        instance,
        hub.clone(),
        Rc::default(),
        Desk::new(rooms.forker),
    );
    if let Err(error) = driver.run().await {
        tracing::error!(
            "The instance of {}: {error}",
            String::from_utf8_lossy(&user)
        );
    }
    rooms.shut(&user, &hub);
    hub.close_all(b"");
}

async fn end_when_deserted(rooms: Rc<Rooms>, user: Vec<u8>, hub: Rc<Hub>, stays: Duration) {
    loop {
        hub.deserted().await;
        if !stays.is_zero() {
            sleep(stays).await;
        }
        if hub.is_deserted() {
            rooms.shut(&user, &hub);
            hub.stop();
            return;
        }
    }
}

/// Has a connection admitted where its first request says. Whoever names nobody, or cannot have a room
/// because of the name, is the server's own.
async fn lead(rooms: Rc<Rooms>, lobby: Weak<Hub>, socket: Peer) {
    let user = match &socket {
        Peer::Tcp(stream) => first_user(stream, rooms.password.is_none()).await,
        // What it says can't be looked at without taking it.
        _ => None,
    };
    let room = match user.filter(|user| user != b"default") {
        None => None,
        Some(user) => match rooms.room(&user) {
            Ok(Some(hub)) => Some(hub),
            Ok(None) => {
                if let Peer::Tcp(stream) = &socket {
                    // It may be gone already.
                    let _ = stream.try_write(FULL);
                }
                return;
            }
            Err(error) => {
                tracing::warn!(
                    "No instance for {}: {error}",
                    String::from_utf8_lossy(&user)
                );
                None
            }
        },
    };
    if let Some(hub) = room.or_else(|| lobby.upgrade()) {
        hub.admit(socket);
    }
}

/// The user that a connection's first request names, which stays to be read. A name may stand where a password
/// does where there is none: that is how some clients read `redis://name@host`.
async fn first_user(stream: &TcpStream, alone: bool) -> Option<Vec<u8>> {
    let mut bytes = vec![0; FIRST_BYTES];
    let mut limit = None;
    loop {
        let length = stream
            .peek(&mut bytes)
            .await
            .ok()
            .filter(|length| *length > 0)?;
        if let Some(request) = first_request(&bytes[..length]) {
            return user_in(request, alone);
        }
        let limit = *limit.get_or_insert_with(|| TokioInstant::now() + FIRST_REQUEST);
        if length == bytes.len() || TokioInstant::now() >= limit {
            return None;
        }
        sleep(LOOK).await;
    }
}

/// The words of the first request, once it is whole.
fn first_request(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    if bytes.first() == Some(&b'*') {
        let words = Reply::take(&mut bytes)?.list().into_iter();
        return Some(words.filter_map(Reply::text).collect());
    }
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let words = bytes[..end].split(u8::is_ascii_whitespace);
    Some(
        words
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect(),
    )
}

/// AUTH user password, HELLO version AUTH user password; AUTH user
fn user_in(words: Vec<Vec<u8>>, alone: bool) -> Option<Vec<u8>> {
    let is = |at: usize, name: &str| {
        let word = words.get(at);
        word.is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let at = if is(0, "AUTH") && (words.len() == 3 || alone && words.len() == 2) {
        1
    } else if is(0, "HELLO") {
        (2..words.len()).find(|at| is(*at, "AUTH"))? + 1
    } else {
        return None;
    };
    words.into_iter().nth(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(bytes: &str) -> Option<Option<String>> {
        let words = first_request(bytes.as_bytes())?;
        Some(user_in(words, false).map(|user| String::from_utf8(user).expect("UTF-8")))
    }

    #[test]
    fn the_first_request_names_the_user() {
        let named = |name: &str| Some(Some(name.to_owned()));
        assert_eq!(user("AUTH me secret\r\nPING\r\n"), named("me"));
        assert_eq!(
            user("*3\r\n$4\r\nauth\r\n$2\r\nme\r\n$0\r\n\r\n"),
            named("me")
        );
        assert_eq!(user("HELLO 3 SETNAME x AUTH me y\n"), named("me"));
        assert_eq!(user("AUTH secret\r\n"), Some(None));
        let alone = first_request(b"AUTH me\r\n").and_then(|words| user_in(words, true));
        assert_eq!(alone.as_deref(), Some(&b"me"[..]));
        assert_eq!(user("HELLO 3 AUTH\r\n"), Some(None));
        assert_eq!(user("PING\r\n"), Some(None));
        assert_eq!(user("*3\r\n$4\r\nauth\r\n$2\r\nm"), None);
        assert_eq!(user("AUTH me"), None);
    }
}
