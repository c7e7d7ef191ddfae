//! How many files, connections among them, the process may have open.

/// What a server needs beside its clients: listening sockets, files and the like, as Redis counts.
const BESIDE: u64 = 32;

/// Lets the process have as many connections at a time, if the system allows.
///
/// # Errors
/// How many it may have.
pub fn make_room_for(clients: u64) -> Result<(), u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let wanted = clients.saturating_add(BESIDE);
        let now = getrlimit(Resource::Nofile);
        if now.current.is_none_or(|current| current >= wanted) {
            return Ok(());
        }
        let most = now.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        let limit = Rlimit {
            current: Some(most),
            maximum: now.maximum,
        };
        let current = match setrlimit(Resource::Nofile, limit) {
            Ok(()) => most,
            Err(_) => now.current.unwrap_or(most),
        };
        if current < wanted {
            return Err(current.saturating_sub(BESIDE));
        }
    }
    #[cfg(not(unix))]
    let _ = clients;
    Ok(())
}
