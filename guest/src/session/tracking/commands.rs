//! CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO.

use std::collections::BTreeSet;

use super::table::OVERHEAD;
use super::{Mode, Redirect, Tracks};
use crate::commands::options::{integer, is};
use crate::commands::{CommandError, Outcome, error};
use crate::resp::Args;
use crate::session::Call;

crate::session::handlers::attach! {
    "client|caching" => caching,
    "client|getredir" => getredir,
    "client|tracking" => tracking,
    "client|trackinginfo" => trackinginfo,
}

/// What CLIENT TRACKING is asked for.
#[derive(Default)]
struct Asked<'a> {
    redirect: Option<Redirect>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Asked<'a> {
    fn parse(call: &mut Call<'_>, args: Args<'a>) -> Result<Self, CommandError> {
        let mut asked = Asked::default();
        let mut at = 0;
        while let Some(option) = args.get(at) {
            match args.get(at + 1) {
                Some(id) if is(option, "REDIRECT") => {
                    if asked.redirect.is_some() {
                        return Err(error::ONE_REDIRECT);
                    }
                    asked.redirect = Some(find_client(call, integer(id)?)?);
                    at += 1;
                }
                Some(prefix) if is(option, "PREFIX") => {
                    asked.prefixes.push(prefix);
                    at += 1;
                }
                _ if is(option, "BCAST") => asked.broadcast = true,
                _ if is(option, "OPTIN") => asked.opt_in = true,
                _ if is(option, "OPTOUT") => asked.opt_out = true,
                _ if is(option, "NOLOOP") => asked.no_loop = true,
                _ => return Err(error::SYNTAX),
            }
            at += 1;
        }
        Ok(asked)
    }

    /// Refuses what contradicts itself, or what the client has now.
    fn check(&self, now: Option<&Tracks>) -> Outcome {
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(error::PREFIX_WITHOUT_BCAST);
        }
        let mode = now.map(|tracks| tracks.mode);
        if mode.is_some_and(|mode| (mode == Mode::Broadcast) != self.broadcast) {
            return Err(error::BCAST_SWITCHED);
        }
        if self.broadcast && (self.opt_in || self.opt_out) {
            return Err(error::BCAST_WITH_OPT);
        }
        if self.opt_in && self.opt_out {
            return Err(error::OPTIN_WITH_OPTOUT);
        }
        if (self.opt_in && mode == Some(Mode::OptOut))
            || (self.opt_out && mode == Some(Mode::OptIn))
        {
            return Err(error::OPT_SWITCHED);
        }
        for (index, prefix) in self.prefixes.iter().enumerate() {
            let mut known = now.iter().flat_map(|tracks| &tracks.prefixes);
            if let Some(known) = known.find(|known| overlap(known, prefix)) {
                return Err(error::prefix_overlaps(prefix, "an existing", known));
            }
            let mut others = self.prefixes[index + 1..].iter();
            if let Some(other) = others.find(|other| overlap(other, prefix)) {
                return Err(error::prefix_overlaps(prefix, "another provided", other));
            }
        }
        Ok(())
    }

    fn mode(&self) -> Mode {
        match () {
            () if self.broadcast => Mode::Broadcast,
            () if self.opt_in => Mode::OptIn,
            () if self.opt_out => Mode::OptOut,
            () => Mode::Read,
        }
    }

    fn into_tracks(self) -> Tracks {
        let mode = self.mode();
        let mut prefixes: BTreeSet<Box<[u8]>> = self.prefixes.into_iter().map(Into::into).collect();
        if mode == Mode::Broadcast && prefixes.is_empty() {
            // What every key begins with.
            prefixes.insert(Box::default());
        }
        Tracks {
            mode,
            redirect: self.redirect,
            no_loop: self.no_loop,
            is_broken: false,
            caching: false,
            prefixes,
        }
    }
}

/// True if a key can begin with both.
fn overlap(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn find_client(call: &mut Call<'_>, id: i64) -> Result<Redirect, CommandError> {
    call.server
        .clients
        .by_id()
        .into_iter()
        .find(|(_, client)| client.id as i64 == id)
        .map(|(connection, client)| Redirect {
            id: client.id,
            connection,
        })
        .ok_or(error::NO_CLIENT_TO_REDIRECT_TO)
}

/// CLIENT TRACKING <ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST]
/// [OPTIN] [OPTOUT] [NOLOOP]
fn tracking(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let asked = Asked::parse(call, args.from(3))?;
    let connection = call.connection;
    if is(args.at(2), "ON") {
        asked.check(call.client().tracking.as_deref())?;
        let prefixes = asked.prefixes.len() * OVERHEAD + 3 * args.bytes();
        if !call.server.keyspace.has_room_for(prefixes) {
            return Err(error::OUT_OF_MEMORY);
        }
        call.server.track(connection, asked.into_tracks());
    } else if is(args.at(2), "OFF") {
        call.server.stop_tracking(connection);
    } else {
        return Err(error::SYNTAX);
    }
    call.reply.ok();
    Ok(())
}

/// CLIENT CACHING <YES | NO>
fn caching(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let Some(tracks) = &mut call.client().tracking else {
        return Err(error::CACHING_WITHOUT_TRACKING);
    };
    if is(args.at(2), "YES") {
        if tracks.mode != Mode::OptIn {
            return Err(error::CACHING_YES_WITHOUT_OPTIN);
        }
    } else if is(args.at(2), "NO") {
        if tracks.mode != Mode::OptOut {
            return Err(error::CACHING_NO_WITHOUT_OPTOUT);
        }
    } else {
        return Err(error::SYNTAX);
    }
    tracks.caching = true;
    call.reply.ok();
    Ok(())
}

impl Tracks {
    /// The id of who is told instead, 0 for nobody.
    pub fn redirect_id(&self) -> u64 {
        self.redirect.map_or(0, |redirect| redirect.id)
    }
}

/// CLIENT GETREDIR
fn getredir(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let tracks = call.client().tracking.as_ref();
    let id = tracks.map_or(-1, |tracks| tracks.redirect_id() as i64);
    call.reply.integer(id);
    Ok(())
}

/// CLIENT TRACKINGINFO
fn trackinginfo(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let reply = &mut *call.reply;
    let tracks = call
        .server
        .clients
        .get(call.connection)
        .and_then(|client| client.tracking.as_ref());
    reply.map(3);
    reply.bulk(b"flags");
    let Some(tracks) = tracks else {
        reply.set(1);
        reply.bulk(b"off");
        reply.bulk(b"redirect");
        reply.integer(-1);
        reply.bulk(b"prefixes");
        reply.array(0);
        return Ok(());
    };
    let (mode, caching) = match tracks.mode {
        Mode::Read => (None, None),
        Mode::OptIn => (Some("optin"), Some("caching-yes")),
        Mode::OptOut => (Some("optout"), Some("caching-no")),
        Mode::Broadcast => (Some("bcast"), None),
    };
    let flags = [
        Some("on"),
        mode,
        caching.filter(|_| tracks.caching),
        tracks.no_loop.then_some("noloop"),
        tracks.is_broken.then_some("broken_redirect"),
    ];
    let flags = flags.iter().flatten();
    reply.set(flags.clone().count());
    flags.for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(tracks.redirect_id() as i64);
    reply.bulk(b"prefixes");
    reply.array(tracks.prefixes.len());
    for prefix in &tracks.prefixes {
        reply.bulk(prefix);
    }
    Ok(())
}
