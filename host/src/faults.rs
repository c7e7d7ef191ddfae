//! Faults on order, for who has the engine at hand: what goes wrong, with which commands.
//!
//! Owns the words that `PETRIDIS FAULT ADD` takes. What becomes of them is the engine's.

use std::time::Duration;

use crate::error::Error;
use crate::instance::Instance;
use crate::server::Server;

/// Something that is to go wrong with the commands that fit all that is said of them; with every command, if
/// nothing is.
///
/// ```
/// # fn main() -> Result<(), petridis::Error> {
/// use petridis::{Fault, Instance};
///
/// let mut redis = Instance::new()?;
/// redis.order_fault(&Fault::error("LOADING not yet").command("get").times(1))?;
/// assert_eq!(redis.execute(b"GET name\r\n")?, b"-LOADING not yet\r\n");
/// assert_eq!(redis.execute(b"GET name\r\n")?, b"$-1\r\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it has to be ordered: Server::order_fault, Instance::order_fault"]
pub struct Fault(Vec<Vec<u8>>);

impl Fault {
    /// This is answered in place of the command, as `OOM no room`: a line that begins with the error's code.
    pub fn error(text: impl Into<Vec<u8>>) -> Self {
        Self(vec![b"ERROR".to_vec(), text.into()])
    }

    /// The command runs so much later, by the engine's clock: in whole milliseconds.
    pub fn delay(by: Duration) -> Self {
        Self(vec![b"DELAY".to_vec(), decimal(by.as_millis())])
    }

    /// The connection is closed in place of the command.
    pub fn close_before() -> Self {
        Self(vec![b"CLOSE".to_vec(), b"BEFORE".to_vec()])
    }

    /// The command runs, and the connection is closed in place of its reply.
    pub fn close_after() -> Self {
        Self(vec![b"CLOSE".to_vec(), b"AFTER".to_vec()])
    }

    /// Half of the reply is sent, then the connection is closed.
    pub fn cut() -> Self {
        Self(vec![b"CUT".to_vec()])
    }

    /// So many bytes of the reply are sent, then the connection is closed.
    pub fn cut_behind(bytes: usize) -> Self {
        Self(vec![b"CUT".to_vec(), decimal(bytes)])
    }

    /// Only this command: `get`, `config|set`, or `config` with all its subcommands.
    pub fn command(self, name: impl Into<Vec<u8>>) -> Self {
        self.with("COMMAND", name.into())
    }

    /// Only commands that have a key like this pattern.
    pub fn key(self, pattern: impl Into<Vec<u8>>) -> Self {
        self.with("KEY", pattern.into())
    }

    /// Only clients that gave themselves a name like this pattern.
    pub fn client(self, pattern: impl Into<Vec<u8>>) -> Self {
        self.with("CLIENT", pattern.into())
    }

    /// Only the client with this id (`CLIENT ID`).
    pub fn client_id(self, id: u64) -> Self {
        self.with("ID", decimal(id))
    }

    /// Only clients that logged in as this user.
    pub fn user(self, name: impl Into<Vec<u8>>) -> Self {
        self.with("USER", name.into())
    }

    /// Only the first so many of them.
    pub fn times(self, times: u64) -> Self {
        self.with("TIMES", decimal(times))
    }

    /// Only so many of a hundred, drawn from the seed.
    pub fn share(self, percent: u8) -> Self {
        self.with("SHARE", decimal(percent))
    }

    fn with(mut self, word: &str, value: Vec<u8>) -> Self {
        self.0.extend([word.as_bytes().to_vec(), value]);
        self
    }
}

fn decimal(number: impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

impl Instance {
    /// Has something go wrong from now on; gives the number that it is taken back by. Faults belong to the
    /// state: [`Instance::restore`] puts back those of the snapshot.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for one that can't be: an error of two lines, a share above 100, no times.
    pub fn order_fault(&mut self, fault: &Fault) -> Result<u64, Error> {
        let mut request: Vec<&[u8]> = vec![b"PETRIDIS", b"FAULT", b"ADD"];
        request.extend(fault.0.iter().map(Vec::as_slice));
        let number = self.db(0).ask(&request)?.integer();
        Ok(number
            .and_then(|number| number.try_into().ok())
            .unwrap_or(0))
    }

    /// Takes a fault back; false if there is none of that number, any more.
    ///
    /// # Errors
    ///
    /// [`Error::Trapped`] if the engine failed.
    pub fn remove_fault(&mut self, number: u64) -> Result<bool, Error> {
        let number = number.to_string();
        let removed = self
            .db(0)
            .ask(&[b"PETRIDIS", b"FAULT", b"REMOVE", number.as_bytes()])?;
        Ok(removed.integer() == Some(1))
    }

    /// Takes all faults back.
    ///
    /// # Errors
    ///
    /// [`Error::Trapped`] if the engine failed.
    pub fn clear_faults(&mut self) -> Result<(), Error> {
        self.db(0)
            .ask(&[b"PETRIDIS", b"FAULT", b"CLEAR"])
            .map(|_| ())
    }
}

impl Server {
    /// Has something go wrong from now on; see [`Instance::order_fault`].
    ///
    /// # Errors
    ///
    /// As [`Instance::order_fault`], and [`Error::Ended`] if the server has ended.
    pub async fn order_fault(&self, fault: &Fault) -> Result<u64, Error> {
        let fault = fault.clone();
        self.with_instance(move |instance| instance.order_fault(&fault))
            .await?
    }

    /// Takes a fault back; see [`Instance::remove_fault`].
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] if the server has ended.
    pub async fn remove_fault(&self, number: u64) -> Result<bool, Error> {
        self.with_instance(move |instance| instance.remove_fault(number))
            .await?
    }

    /// Takes all faults back.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] if the server has ended.
    pub async fn clear_faults(&self) -> Result<(), Error> {
        self.with_instance(Instance::clear_faults).await?
    }
}
