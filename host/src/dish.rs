//! What a server's owner may do to its engine while it runs: keep it, take it back, look into it.
//!
//! Owns the public face of it only: the work is the instance's, between two turns of the driver.

use crate::error::Error;
use crate::inspect::{Database, LoggedCommand};
use crate::instance::Instance;
use crate::server::Server;
use crate::snapshot::Snapshot;

impl Server {
    /// An image of everything that the engine holds, between two turns; see [`Instance::snapshot`].
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] where there is no memory for it, [`Error::Ended`] if the server has ended.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        self.with_instance(Instance::snapshot).await?
    }

    /// Goes back to a snapshot, of this server or another one; see [`Instance::restore`]. Connections stay.
    /// What was sent before is answered before; what is sent afterwards meets the snapshot's data.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] where there is no memory for it, [`Error::Ended`] if the server has ended.
    pub async fn restore(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let snapshot = snapshot.clone();
        self.with_instance(move |instance| instance.restore(&snapshot))
            .await?
    }

    /// As [`Server::restore`], but time goes on.
    ///
    /// # Errors
    ///
    /// As [`Server::restore`].
    pub async fn restore_keeping_clock(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let snapshot = snapshot.clone();
        self.with_instance(move |instance| instance.restore_keeping_clock(&snapshot))
            .await?
    }

    /// Looks at a database, between two turns: the closure gets it.
    ///
    /// ```
    /// # async fn demo() -> Result<(), petridis::Error> {
    /// let server = petridis::Server::start().await?;
    /// let name = server.look(0, |db| db.get("name")).await?;
    /// println!("{name:?}, in {}", server.look(0, |db| db.dump()).await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the closure fails with, [`Error::Ended`] if the server has ended.
    pub async fn look<R: Send + 'static>(
        &self,
        db: u32,
        look: impl FnOnce(&mut Database<'_>) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        self.with_instance(move |instance| look(&mut instance.db(db)))
            .await?
    }

    /// Keeps the commands that are received from now on; see [`Instance::log_commands`].
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] if the server has ended.
    pub async fn log_commands(&self, most: usize) -> Result<(), Error> {
        self.with_instance(move |instance| instance.log_commands(most))
            .await?
    }

    /// The commands received, oldest first, since [`Server::log_commands`].
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] if the server has ended.
    pub async fn logged_commands(&self) -> Result<Vec<LoggedCommand>, Error> {
        self.with_instance(Instance::logged_commands).await?
    }
}
