//! TLS: the certificate that a server shows, and whose certificates it wants to see.
//!
//! Owns the parameters `tls-*`, the files that they name, and the pair that is made where one is only
//! needed for local use. Knows nothing of sockets.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{
    NoClientAuth, NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier,
};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::ciphers;
use crate::error::Error;

/// Parameters that are this server's own, `yes` or `no`: a pair is made; any free port is taken where
/// `tls-port` says none.
pub(crate) const SELF_SIGNED: &str = "tls-self-signed";
pub(crate) const ANY_PORT: &str = "tls-any-port";

/// Sessions that are remembered so that clients come back quickly, as `tls-session-cache-size` has
/// it when nothing is said.
const REMEMBERED_SESSIONS: usize = 20 * 1024;

/// A name and its value, as in redis.conf.
type Pair = (String, String);

/// How connections are secured.
pub(crate) struct Tls {
    /// The port to listen on; 0 for any free one.
    pub(crate) port: u16,
    pub(crate) acceptor: TlsAcceptor,
    /// The certificate, if it was made here.
    pub(crate) made: Option<Made>,
}

/// A certificate that was made here, and its key.
pub(crate) struct Made {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
    /// In PEM form: who is to trust the server needs it.
    pub(crate) text: String,
    /// `tls-cert-file` when it was made: another one would mean another certificate.
    file: String,
}

impl Made {
    fn pair(&self) -> Pairing {
        let key = self.key.clone_key();
        (vec![self.certificate.clone()], key.into())
    }
}

/// A certificate with those that vouch for it, and its key.
type Pairing = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What the parameters say, files not yet read.
#[derive(Debug, Default, PartialEq)]
struct Wanted {
    port: u16,
    self_signed: bool,
    any_port: bool,
    certificate_file: String,
    key_file: String,
    ca_file: String,
    ca_folder: String,
    clients: Option<Clients>,
    protocols: String,
    /// Suites up to TLS 1.2, and those of TLS 1.3, as OpenSSL writes them.
    ciphers: String,
    suites: String,
    prefers_own_order: bool,
    /// How many sessions are remembered; None for the usual number.
    sessions: Option<usize>,
    forgets_sessions: bool,
    bind: String,
}

/// `tls-auth-clients`: whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Clients {
    Certified,
    CertifiedIfAtAll,
    Anyone,
}

/// Reads what redis.conf says about TLS; None where it is not wanted. What only this server knows is
/// taken out, since the engine would not know it, and what follows from it is put in.
pub(crate) fn prepare(config: &mut Vec<Pair>) -> Result<Option<Tls>, Error> {
    let wanted = Wanted::from(config)?;
    config.retain(|(name, _)| {
        !name.eq_ignore_ascii_case(SELF_SIGNED) && !name.eq_ignore_ascii_case(ANY_PORT)
    });
    if wanted.port == 0 && !wanted.self_signed && !wanted.any_port {
        return Ok(None);
    }
    if wanted.self_signed && wanted.clients.is_none() {
        config.push(("tls-auth-clients".to_owned(), "no".to_owned()));
    }
    let made = wanted.self_signed.then(|| wanted.make_pair()).transpose()?;
    let pair = match &made {
        Some(made) => made.pair(),
        None => wanted.read_pair()?,
    };
    let acceptor = wanted.acceptor(pair)?;
    let port = wanted.port;
    Ok(Some(Tls {
        port,
        acceptor,
        made,
    }))
}

/// How connections are secured from now on, files read anew. A certificate that was made stays unless
/// files are named.
pub(crate) fn renew(config: &[Pair], made: Option<&Made>) -> Result<TlsAcceptor, Error> {
    let wanted = Wanted::from(config)?;
    let made = made.filter(|made| made.file == wanted.certificate_file);
    let pair = match made {
        Some(made) => made.pair(),
        None => wanted.read_pair()?,
    };
    wanted.acceptor(pair)
}

impl Wanted {
    fn from(config: &[Pair]) -> Result<Self, Error> {
        let mut wanted = Self::default();
        for (name, value) in config {
            let wrong = |why: &str| Error::Config(format!("'{name} {value}': {why}"));
            match name.to_ascii_lowercase().as_str() {
                "tls-port" => {
                    let port = value.parse();
                    wanted.port = port.map_err(|_| wrong("it must be a number in range"))?;
                }
                SELF_SIGNED => {
                    wanted.self_signed = yes(value).ok_or_else(|| wrong("it is yes or no"))?;
                }
                ANY_PORT => wanted.any_port = yes(value).ok_or_else(|| wrong("it is yes or no"))?,
                "tls-cert-file" => wanted.certificate_file.clone_from(value),
                "tls-key-file" => wanted.key_file.clone_from(value),
                "tls-ca-cert-file" => wanted.ca_file.clone_from(value),
                "tls-ca-cert-dir" => wanted.ca_folder.clone_from(value),
                "tls-auth-clients" => {
                    wanted.clients = Some(match value.to_ascii_lowercase().as_str() {
                        "yes" => Clients::Certified,
                        "optional" => Clients::CertifiedIfAtAll,
                        "no" => Clients::Anyone,
                        _ => return Err(wrong("it is yes, no or optional")),
                    });
                }
                "tls-protocols" => wanted.protocols.clone_from(value),
                "tls-ciphers" => wanted.ciphers.clone_from(value),
                "tls-ciphersuites" => wanted.suites.clone_from(value),
                "tls-prefer-server-ciphers" => wanted.prefers_own_order = yes(value) == Some(true),
                "tls-session-caching" => wanted.forgets_sessions = yes(value) == Some(false),
                "tls-session-cache-size" => wanted.sessions = value.parse().ok(),
                "bind" => wanted.bind.clone_from(value),
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn acceptor(&self, (chain, key): Pairing) -> Result<TlsAcceptor, Error> {
        let mut provider = ring::default_provider();
        ciphers::choose(&mut provider.cipher_suites, &self.ciphers, &self.suites)
            .map_err(Error::Config)?;
        let provider = Arc::new(provider);
        let verifier = self.verifier(&provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions()?)
            .map_err(|error| Error::Config(format!("tls-protocols: {error}")))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|error| self.explain(&error))?;
        if self.forgets_sessions {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        } else {
            let remembered = self.sessions.unwrap_or(REMEMBERED_SESSIONS);
            config.session_storage = ServerSessionMemoryCache::new(remembered);
        }
        config.ignore_client_order = self.prefers_own_order;
        Ok(Arc::new(config).into())
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let usual = match self.self_signed {
            true => Clients::Anyone,
            false => Clients::Certified,
        };
        let clients = self.clients.unwrap_or(usual);
        let names_some = !self.ca_file.is_empty() || !self.ca_folder.is_empty();
        if clients == Clients::Anyone {
            if names_some {
                // Nobody will ask for them; that they are there is asked for all the same.
                self.authorities()?;
            }
            return Ok(Arc::new(NoClientAuth));
        }
        let roots = Arc::new(self.authorities()?);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
        let builder = match clients {
            Clients::CertifiedIfAtAll => builder.allow_unauthenticated(),
            Clients::Certified | Clients::Anyone => builder,
        };
        let verifier = builder.build();
        verifier.map_err(|error| Error::Config(format!("tls-ca-cert-file: {error}")))
    }

    /// Whose certificates clients may show.
    fn authorities(&self) -> Result<RootCertStore, Error> {
        if self.ca_file.is_empty() && self.ca_folder.is_empty() {
            return Err(Error::Config(
                "tls-auth-clients: whose certificates clients may show is said by tls-ca-cert-file \
                 or tls-ca-cert-dir; with 'tls-auth-clients no' they need none"
                    .to_owned(),
            ));
        }
        let mut roots = RootCertStore::empty();
        if !self.ca_file.is_empty() {
            let bytes = read("tls-ca-cert-file", Path::new(&self.ca_file))?;
            for certificate in certificates("tls-ca-cert-file", &self.ca_file, &bytes)? {
                roots.add(certificate).map_err(|error| {
                    Error::Config(format!("tls-ca-cert-file {}: {error}", self.ca_file))
                })?;
            }
        }
        if !self.ca_folder.is_empty() {
            let unreadable =
                |error| Error::Config(format!("tls-ca-cert-dir {}: {error}", self.ca_folder));
            for entry in fs::read_dir(&self.ca_folder).map_err(unreadable)? {
                let path = entry.map_err(unreadable)?.path();
                // Other files may lie there too.
                let Ok(bytes) = fs::read(&path) else { continue };
                let found = CertificateDer::pem_slice_iter(&bytes).map_while(Result::ok);
                roots.add_parsable_certificates(found);
            }
        }
        if roots.is_empty() {
            let folder = &self.ca_folder;
            return Err(Error::Config(format!(
                "tls-ca-cert-dir {folder}: no certificate is there"
            )));
        }
        Ok(roots)
    }

    fn read_pair(&self) -> Result<Pairing, Error> {
        if self.certificate_file.is_empty() {
            return Err(Error::Config(format!(
                "tls-port {}: it takes a certificate, tls-cert-file and tls-key-file; or \
                 tls-self-signed for one that is made for local use",
                self.port
            )));
        }
        let file = &self.certificate_file;
        let bytes = read("tls-cert-file", Path::new(file))?;
        let chain = certificates("tls-cert-file", file, &bytes)?;
        // As on a real server both may be in one file.
        let file = match self.key_file.as_str() {
            "" => &self.certificate_file,
            file => file,
        };
        let bytes = read("tls-key-file", Path::new(file))?;
        let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
            let is_encrypted = bytes.windows(9).any(|part| part == b"ENCRYPTED");
            let why = match is_encrypted {
                true => "the key is encrypted; `openssl pkey -in FILE -out FILE` takes that away",
                false => "no private key in PEM form is in it",
            };
            Error::Config(format!("tls-key-file {file}: {why}"))
        })?;
        Ok((chain, key))
    }

    /// A certificate for this machine and the addresses to listen on, its key, and its text.
    fn make_pair(&self) -> Result<Made, Error> {
        if !self.key_file.is_empty() {
            return Err(Error::Config(format!(
                "tls-key-file {}: a self-signed certificate comes with a key of its own",
                self.key_file
            )));
        }
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        for address in self.bind.split_whitespace() {
            let address = address.trim_start_matches('-');
            if !address.contains('*') && !names.iter().any(|name| name == address) {
                names.push(address.to_owned());
            }
        }
        let make = || {
            let mut params = CertificateParams::new(names)?;
            params
                .distinguished_name
                .push(DnType::CommonName, "Petridis");
            let key = KeyPair::generate()?;
            Ok((params.self_signed(&key)?, key))
        };
        let (certificate, key) = make()
            .map_err(|error: rcgen::Error| Error::Config(format!("{SELF_SIGNED}: {error}")))?;
        let text = certificate.pem();
        Ok(Made {
            certificate: certificate.der().clone(),
            key: key.serialize_der().into(),
            text,
            file: self.certificate_file.clone(),
        })
    }

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, Error> {
        if self.protocols.trim().is_empty() {
            return Ok(vec![&version::TLS13, &version::TLS12]);
        }
        let names = self.protocols.split_whitespace();
        names
            .map(|name| match name.to_ascii_lowercase().as_str() {
                "tlsv1.3" => Ok(&version::TLS13),
                "tlsv1.2" => Ok(&version::TLS12),
                _ => Err(Error::Config(format!(
                    "tls-protocols: {name} is not among TLSv1.2 and TLSv1.3"
                ))),
            })
            .collect()
    }

    fn explain(&self, error: &rustls::Error) -> Error {
        let (certificate, key) = (&self.certificate_file, &self.key_file);
        Error::Config(match error {
            rustls::Error::InconsistentKeys(_) => {
                format!("tls-key-file {key}: it is not the key of the certificate in {certificate}")
            }
            error => format!("tls-cert-file {certificate}: {error}"),
        })
    }
}

fn yes(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn read(name: &str, path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| Error::Config(format!("{name} {}: {error}", path.display())))
}

fn certificates(
    name: &str,
    file: &str,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::Config(format!(
            "{name} {file}: no certificate in PEM form is in it"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(config: &[(&str, &str)]) -> Result<Option<Tls>, String> {
        let mut config: Vec<Pair> = config
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        prepare(&mut config).map_err(|error| error.to_string())
    }

    /// A pair in files of a folder: the certificate, the key, and the key of another.
    fn pair() -> (tempfile::TempDir, [String; 3]) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let paths = ["cert.pem", "key.pem", "other.pem"].map(path);
        let make =
            || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a pair");
        let (one, other) = (make(), make());
        fs::write(&paths[0], one.cert.pem()).expect("written");
        fs::write(&paths[1], one.signing_key.serialize_pem()).expect("written");
        fs::write(&paths[2], other.signing_key.serialize_pem()).expect("written");
        (folder, paths)
    }

    #[test]
    fn without_a_port_there_is_no_tls() {
        for config in [&[][..], &[("tls-port", "0"), ("tls-cert-file", "/nowhere")]] {
            assert!(prepared(config).expect("in order").is_none());
        }
    }

    #[test]
    fn a_pair_from_files_serves_who_shows_no_certificate_if_that_is_said() {
        let (_folder, [certificate, key, _]) = pair();
        let given = [
            ("tls-port", "7000"),
            ("tls-cert-file", &certificate),
            ("tls-key-file", &key),
        ];
        let tls = prepared(&[&given[..], &[("tls-auth-clients", "no")]].concat());
        let tls = tls.expect("in order").expect("wanted");
        assert!(tls.port == 7000 && tls.made.is_none());
        let error = prepared(&given).err().expect("clients must show one");
        assert!(error.contains("tls-ca-cert-file"), "{error}");
        let with_authority = [&given[..], &[("tls-ca-cert-file", &certificate)]].concat();
        assert!(prepared(&with_authority).is_ok());
    }

    #[test]
    fn a_pair_is_made_on_request_and_the_engine_hears_what_follows() {
        let mut config = vec![("TLS-self-signed".to_owned(), "yes".to_owned())];
        let tls = prepare(&mut config).expect("in order").expect("wanted");
        let made = tls.made.expect("it was made");
        assert!(made.text.starts_with("-----BEGIN CERTIFICATE-----"));
        assert_eq!(config, [("tls-auth-clients".to_owned(), "no".to_owned())]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let (_folder, [certificate, key, other]) = pair();
        let (certificate, key, other) = (&*certificate, &*key, &*other);
        let (port, anyone) = (("tls-port", "7000"), ("tls-auth-clients", "no"));
        let cert_file = ("tls-cert-file", certificate);
        for (config, words) in [
            (
                &[port, anyone][..],
                &["tls-cert-file", "tls-self-signed"][..],
            ),
            (
                &[port, anyone, ("tls-cert-file", "/none")],
                &["tls-cert-file /none"],
            ),
            (
                &[port, anyone, ("tls-cert-file", key)],
                &[key, "no certificate"],
            ),
            (
                &[port, anyone, cert_file, ("tls-key-file", "/none")],
                &["tls-key-file /none"],
            ),
            (&[port, anyone, cert_file], &[certificate, "no private key"]),
            (
                &[port, anyone, cert_file, ("tls-key-file", other)],
                &[other, "not the key"],
            ),
            (
                &[port, ("tls-auth-clients", "maybe")],
                &["maybe", "optional"],
            ),
            (&[("tls-port", "70000")], &["70000"]),
            (&[("tls-self-signed", "perhaps")], &["perhaps"]),
            (&[("tls-self-signed", "yes"), ("tls-key-file", key)], &[key]),
            (
                &[("tls-self-signed", "yes"), ("tls-protocols", "TLSv1.1")],
                &["TLSv1.1"],
            ),
        ] {
            let error = prepared(config).err().expect("something is wrong");
            for word in words {
                assert!(error.contains(word), "{word:?} is not in {error}");
            }
        }
    }
}
