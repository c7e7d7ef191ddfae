//! The parameters of redis.conf and CONFIG: their values, and the words in which a bad one is
//! refused. Knows no keyspace, no command and no connection; what a change sets in motion is the
//! session's affair, which is told what changed.
//!
//! `parameters` holds the one table that everything derives from, `kinds` what a value can be.

mod choices;
mod kinds;
mod parameters;
mod rewrite;

use std::borrow::Cow;

use crate::resp::split_words;
use crate::value::glob;

pub use choices::{
    AppendFsync, EndpointType, LogLevel, MaxmemoryPolicy, Protected, PubsubDefault, SanitizePayload,
};
pub use kinds::{
    KeyspaceEvents, OutputLimit, Percentiles, ReplicaOf, SavePoint, SavePoints, Text, Words,
};
pub use parameters::Config;

use kinds::Refusal;
use parameters::{Effect, PARAMETERS, Parameter};

/// Names that redis.conf may still hold though nothing heeds them.
const RETIRED: [&str; 3] = [
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
];

/// Which parameters CONFIG SET gave another value.
#[derive(Clone, Debug, Default)]
pub struct Changes(Vec<&'static str>);

impl Changes {
    /// True if the parameter of this name (never an alias) has another value than before.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// The names, in the order they were given.
    pub fn names(&self) -> &[&'static str] {
        &self.0
    }
}

/// A parameter under one of its names: an alias is listed, set and refused under its own.
#[derive(Clone, Copy)]
struct Named {
    parameter: &'static Parameter,
    name: &'static str,
}

fn every_name() -> impl Iterator<Item = Named> {
    PARAMETERS.iter().flat_map(|parameter| {
        [Some(parameter.name), parameter.alias]
            .into_iter()
            .flatten()
            .map(move |name| Named { parameter, name })
    })
}

fn effect_of(name: &str) -> Effect {
    find(name.as_bytes()).map_or(Effect::None, |known| known.parameter.effect)
}

fn find(name: &[u8]) -> Option<Named> {
    every_name().find(|known| known.name.as_bytes().eq_ignore_ascii_case(name))
}

impl Config {
    /// The value of a parameter as CONFIG GET prints it. The name may be an alias, in any case.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        find(name.as_bytes()).map(|known| self.printed(known.parameter))
    }

    /// True if the value must not be shown in logs, MONITOR or SLOWLOG.
    pub fn is_sensitive(name: &[u8]) -> bool {
        find(name).is_some_and(|known| known.parameter.flags.sensitive)
    }

    /// Names and values for CONFIG GET, each name once.
    ///
    /// A word without `[`, `*` or `?` is a name, and answered as the client spelled it; only so is a
    /// hidden parameter found.
    pub fn matching<'p>(
        &self,
        patterns: impl IntoIterator<Item = &'p [u8]>,
    ) -> Vec<(Cow<'p, [u8]>, Vec<u8>)> {
        let mut found: Vec<(Cow<'p, [u8]>, Vec<u8>)> = Vec::new();
        let add = |found: &mut Vec<(Cow<'p, [u8]>, Vec<u8>)>, name: Cow<'p, [u8]>, known: Named| {
            if !found
                .iter()
                .any(|(listed, _)| listed.eq_ignore_ascii_case(&name))
            {
                found.push((name, self.printed(known.parameter)));
            }
        };
        for pattern in patterns {
            if !pattern
                .iter()
                .any(|byte| matches!(byte, b'[' | b'*' | b'?'))
            {
                if let Some(known) = find(pattern) {
                    add(&mut found, Cow::Borrowed(pattern), known);
                }
                continue;
            }
            for known in every_name().filter(|known| self.is_listed(known.parameter)) {
                if glob::matches(pattern, known.name.as_bytes(), true) {
                    add(&mut found, Cow::Borrowed(known.name.as_bytes()), known);
                }
            }
        }
        found
    }

    /// True if CONFIG GET shows it among others.
    fn is_listed(&self, parameter: &Parameter) -> bool {
        let flags = parameter.flags;
        let is_set = || self.printed(parameter) != Config::default().printed(parameter);
        !flags.hidden && (!flags.own || is_set())
    }

    /// Applies what redis.conf and the command line say, in order. A value of several words is
    /// given as one string.
    ///
    /// # Errors
    /// A sentence about the first parameter that is unknown or has a bad value.
    pub fn start_with(&mut self, given: &[(String, String)]) -> Result<(), String> {
        let mut save_points = Vec::new();
        for (name, value) in given {
            let Some(known) = find(name.as_bytes()) else {
                if RETIRED
                    .iter()
                    .any(|retired| retired.eq_ignore_ascii_case(name))
                {
                    continue;
                }
                return Err(format!(
                    "'{name}': Bad directive or wrong number of arguments"
                ));
            };
            let parameter = known.parameter;
            let assigned = if parameter.flags.many_words && !value.is_empty() {
                split_line(value.as_bytes())
                    .and_then(|words| parameter.assign(self, &as_slices(&words)))
            } else {
                parameter.assign(self, &[value.as_bytes()])
            };
            assigned.map_err(|refusal| format!("'{name} {value}': {refusal}"))?;
            if parameter.name == "save" {
                // Each `save` line adds to those before it; the first clears the default, an empty
                // one everything.
                if value.is_empty() {
                    save_points.clear();
                }
                save_points.extend_from_slice(&self.save.0);
                self.save = SavePoints(Cow::Owned(save_points.clone()));
            }
        }
        self.bound_hz();
        Ok(())
    }

    /// CONFIG SET: what the parameters would be with those that are given, all of them or none, and which
    /// of them change. `trusted` says whether the client may set what `enable-protected-configs` protects.
    ///
    /// # Errors
    /// The text of the error to answer, its code first.
    pub fn with(
        &self,
        given: &[(&[u8], &[u8])],
        trusted: bool,
    ) -> Result<(Config, Changes), Vec<u8>> {
        let mut wanted: Vec<Named> = Vec::with_capacity(given.len());
        for (name, _) in given {
            let Some(known) = find(name) else {
                return Err(unknown(name));
            };
            let flags = known.parameter.flags;
            if flags.immutable {
                return Err(failed(name, "can't set immutable config"));
            }
            if flags.protected && !trusted {
                return Err(failed(name, "can't set protected config"));
            }
            if wanted.iter().any(|earlier| earlier.name == known.name) {
                return Err(failed(name, "duplicate parameter"));
            }
            wanted.push(known);
        }
        let mut next = self.clone();
        let mut changes: Vec<Named> = Vec::new();
        for (known, (_, value)) in wanted.iter().zip(given) {
            let parameter = known.parameter;
            let before = next.printed(parameter);
            let assigned = if parameter.flags.many_words {
                parameter.assign(&mut next, &blank_separated(value))
            } else {
                parameter.assign(&mut next, &[value])
            };
            assigned.map_err(|refusal| failed(known.name.as_bytes(), &refusal))?;
            if next.printed(parameter) != before {
                changes.push(*known);
            }
        }
        for known in &changes {
            next.carry_out(known.parameter.effect)
                .map_err(|refusal| failed(known.name.as_bytes(), refusal))?;
        }
        let changes = changes.iter().map(|known| known.parameter.name).collect();
        Ok((next, Changes(changes)))
    }

    /// Those of the changes that only the host can heed, and that may fail there: names and values. When
    /// TLS is turned on, what was said of it before comes behind them: nobody has heeded it yet.
    pub fn for_the_host(&self, changes: &Changes) -> Vec<(String, String)> {
        let heeds = |name: &&&'static str| match effect_of(name) {
            Effect::Host(_) => true,
            Effect::Tls => self.tls_port != 0,
            _ => false,
        };
        let value = |name: &str| self.get(name).unwrap_or_default();
        let changed = changes.0.iter().filter(heeds);
        let untold: Vec<_> = if changes.has("tls-port") && self.tls_port != 0 {
            let usual = Config::default();
            let of_tls = PARAMETERS
                .iter()
                .filter(|known| matches!(known.effect, Effect::Tls) && !changes.has(known.name));
            of_tls
                .filter(|known| self.printed(known) != usual.printed(known))
                .map(|known| &known.name)
                .collect()
        } else {
            Vec::new()
        };
        changed
            .chain(untold)
            .map(|name| {
                let value = String::from_utf8_lossy(&value(name)).into_owned();
                ((*name).to_owned(), value)
            })
            .collect()
    }

    /// What is answered where the host could not heed a change.
    pub fn refused_by_the_host(name: &str, why: &str) -> Vec<u8> {
        let usual = match effect_of(name) {
            Effect::Host(usual) => usual,
            _ => parameters::NO_TLS,
        };
        failed(name.as_bytes(), if why.is_empty() { usual } else { why })
    }

    fn printed(&self, parameter: &Parameter) -> Vec<u8> {
        let mut text = Vec::new();
        parameter.print(self, &mut text);
        text
    }

    /// What a changed value entails beyond being stored.
    fn carry_out(&mut self, effect: Effect) -> Result<(), &'static str> {
        match effect {
            Effect::None => Ok(()),
            Effect::BoundHz => {
                self.bound_hz();
                Ok(())
            }
            Effect::BoundBacklog => {
                self.repl_backlog_size = self.repl_backlog_size.max(16 * 1024);
                Ok(())
            }
            Effect::Host(_) => Ok(()),
            Effect::Tls if self.tls_port != 0 => Ok(()),
            Effect::Tls if self.tls_replication || self.tls_cluster => Err(parameters::NO_TLS),
            Effect::Tls => Ok(()),
        }
    }

    /// Any `hz` is taken, but only these are meant.
    fn bound_hz(&mut self) {
        self.hz = self.hz.clamp(1, 500);
    }
}

fn unknown(name: &[u8]) -> Vec<u8> {
    let mut text = b"ERR Unknown option or number of arguments for CONFIG SET - '".to_vec();
    text.extend_from_slice(kinds::before_nul(name));
    text.push(b'\'');
    text
}

fn failed(name: &[u8], reason: &str) -> Vec<u8> {
    let mut text = b"ERR CONFIG SET failed (possibly related to argument '".to_vec();
    text.extend_from_slice(kinds::before_nul(name));
    text.extend_from_slice(b"') - ");
    text.extend_from_slice(reason.as_bytes());
    text
}

/// A CONFIG SET value as words. Two blanks in a row hold an empty word between them.
fn blank_separated(value: &[u8]) -> Vec<&[u8]> {
    if value.is_empty() {
        Vec::new()
    } else {
        value.split(|byte| *byte == b' ').collect()
    }
}

/// A redis.conf value as words, quotes taken off.
fn split_line(value: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    let mut bytes = Vec::new();
    let mut spans = Vec::new();
    split_words(value, &mut bytes, |start, end| spans.push(start..end))
        .ok_or(Cow::Borrowed("Unbalanced quotes in configuration line"))?;
    Ok(spans
        .into_iter()
        .filter_map(|span| bytes.get(span).map(<[u8]>::to_vec))
        .collect())
}

fn as_slices(words: &[Vec<u8>]) -> Vec<&[u8]> {
    words.iter().map(Vec::as_slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(config: &Config, name: &str) -> String {
        String::from_utf8(config.get(name).expect("a known parameter")).expect("text")
    }

    fn set(config: &mut Config, given: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
        let given: Vec<(&[u8], &[u8])> = given
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        let (next, changes) = config
            .with(&given, false)
            .map_err(|text| String::from_utf8_lossy(&text).into_owned())?;
        *config = next;
        Ok(changes.names().to_vec())
    }

    fn start(given: &[(&str, &str)]) -> Result<Config, String> {
        let mut config = Config::default();
        let given: Vec<(String, String)> = given
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        config.start_with(&given).map(|()| config)
    }

    #[test]
    fn every_name_of_redis_8_0_2_is_listed_once() {
        let config = Config::default();
        let listed = config.matching([b"*".as_slice()]);
        assert_eq!(listed.len(), 203);
        let mut names: Vec<&[u8]> = listed.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 203);
    }

    #[test]
    fn every_default_can_be_given_again() {
        for known in every_name() {
            let value = printed(&Config::default(), known.name);
            // That there is nothing to replicate is said by leaving it out.
            if known.parameter.name == "replicaof" {
                continue;
            }
            let config = start(&[(known.name, &value)]).expect(known.name);
            assert_eq!(printed(&config, known.name), value, "{}", known.name);
        }
    }

    #[test]
    fn a_refused_value_leaves_all_others_as_they_were() {
        let mut config = Config::default();
        let refused = set(&mut config, &[("maxmemory", "1kb"), ("hz", "fast")]);
        assert_eq!(
            refused.expect_err("hz is a number"),
            "ERR CONFIG SET failed (possibly related to argument 'hz') - \
             argument couldn't be parsed into an integer"
        );
        assert_eq!(config.maxmemory, 0);
    }

    #[test]
    fn only_what_changed_is_reported() {
        let mut config = Config::default();
        let changes = set(
            &mut config,
            &[("maxmemory", "1kb"), ("hz", "10"), ("slave-priority", "7")],
        );
        assert_eq!(
            changes.expect("good values"),
            ["maxmemory", "replica-priority"]
        );
        assert_eq!((config.maxmemory, config.replica_priority), (1024, 7));
    }

    #[test]
    fn an_alias_and_its_parameter_are_two_names() {
        let mut config = Config::default();
        set(
            &mut config,
            &[("slave-priority", "1"), ("replica-priority", "2")],
        )
        .expect("no duplicate");
        assert_eq!(config.replica_priority, 2);
        let twice = set(&mut config, &[("hz", "1"), ("HZ", "2")]);
        assert_eq!(
            twice.expect_err("the same name"),
            "ERR CONFIG SET failed (possibly related to argument 'HZ') - duplicate parameter"
        );
    }

    #[test]
    fn save_lines_add_up_and_an_empty_one_clears() {
        assert_eq!(
            printed(&Config::default(), "save"),
            "3600 1 300 100 60 10000"
        );
        let config = start(&[("save", "60 1"), ("save", "30 2")]).expect("good values");
        assert_eq!(printed(&config, "save"), "60 1 30 2");
        let config = start(&[("save", "60 1"), ("save", "")]).expect("good values");
        assert_eq!(printed(&config, "save"), "");
    }

    #[test]
    fn redis_conf_may_set_what_config_set_may_not() {
        let config = start(&[
            ("DATABASES", "4"),
            ("unixsocketperm", "700"),
            ("dir", "/data"),
        ]);
        let config = config.expect("good values");
        assert_eq!((config.databases, config.unixsocketperm), (4, 0o700));
        assert_eq!(printed(&config, "unixsocketperm"), "700");
        assert_eq!(
            start(&[("unixsocketperm", "1000")]).expect_err("three digits"),
            "'unixsocketperm 1000': argument must be between 0 and 777 inclusive"
        );
        assert_eq!(
            start(&[("maxmemroy", "1")]).expect_err("a slip"),
            "'maxmemroy': Bad directive or wrong number of arguments"
        );
    }

    #[test]
    fn memory_beyond_i64_is_meant_only_where_the_range_goes_so_far() {
        let mut config = Config::default();
        set(&mut config, &[("maxmemory", "18446744073709551615")]).expect("unsigned");
        assert_eq!(config.maxmemory, u64::MAX);
        let refused = set(
            &mut config,
            &[("repl-backlog-size", "18446744073709551615")],
        );
        assert!(
            refused
                .expect_err("signed")
                .ends_with("between 1 and 9223372036854775807 inclusive")
        );
    }

    #[test]
    fn a_hidden_parameter_is_found_by_its_whole_name_only() {
        let config = Config::default();
        assert!(config.matching([b"watchdog*".as_slice()]).is_empty());
        assert_eq!(
            config.matching([b"Watchdog-period".as_slice()])[0]
                .0
                .as_ref(),
            b"Watchdog-period"
        );
    }

    #[test]
    fn a_parameter_that_redis_lacks_is_listed_once_it_is_set() {
        let mut config = Config::default();
        assert_eq!(printed(&config, "max-keys"), "0");
        assert!(config.matching([b"max-k*".as_slice()]).is_empty());
        set(&mut config, &[("max-keys", "100")]).expect("a number");
        assert_eq!(config.matching([b"max-k*".as_slice()]).len(), 1);
    }

    #[test]
    fn secrets_are_known_as_such() {
        assert!(Config::is_sensitive(b"RequirePass") && !Config::is_sensitive(b"maxmemory"));
    }
}
