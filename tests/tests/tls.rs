//! TLS as clients use it: redis-rs, blocking and on tokio, and redis-cli where it was built with TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use futures_util::StreamExt;
use petridis::blocking::{Server, ServerBuilder};
use petridis_tests::real;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use redis::{
    Client, ClientTlsConfig, Commands, ConnectionLike, RedisResult, TlsCertificates, Value,
};

/// A client of a server with TLS that trusts this certificate, and shows one if it has one.
fn client(server: &Server, root: &str, shown: Option<ClientTlsConfig>) -> RedisResult<Client> {
    let url = server.tls_url().expect("it listens for TLS");
    let certificates = TlsCertificates {
        client_tls: shown,
        root_cert: Some(root.as_bytes().to_vec()),
    };
    Client::build_with_tls(url, certificates)
}

fn self_signed(builder: ServerBuilder) -> (Server, Client) {
    let server = builder.tls_self_signed().start().expect("a server starts");
    let root = server.tls_certificate().expect("it was made").to_owned();
    let client = client(&server, &root, None).expect("a client");
    (server, client)
}

#[test]
fn redis_rs_has_a_session() -> RedisResult<()> {
    let (server, client) = self_signed(Server::builder());
    let mut secure = client.get_connection()?;
    secure.set::<_, _, ()>("name", "petridis")?;
    // The same data as without TLS.
    let mut plain = Client::open(server.url())?.get_connection()?;
    assert_eq!(plain.get::<_, String>("name")?, "petridis");
    let info: redis::InfoDict = redis::cmd("INFO").arg("server").query(&mut secure)?;
    let listener: String = info.get("listener2").expect("a listener for TLS");
    let port = server.tls_addr().expect("it listens").port();
    assert_eq!(listener, format!("name=tls,bind=127.0.0.1,port={port}"));
    Ok(())
}

#[test]
fn large_values_and_pipelines_come_through_whole() -> RedisResult<()> {
    let (_server, client) = self_signed(Server::builder());
    let mut connection = client.get_connection()?;
    let value: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    connection.set::<_, _, ()>("large", &value)?;
    let mut pipe = redis::pipe();
    for _ in 0..10 {
        pipe.get("large");
    }
    let values: Vec<Vec<u8>> = pipe.query(&mut connection)?;
    assert!(values.len() == 10 && values.iter().all(|got| *got == value));
    let mut pipe = redis::pipe();
    for _ in 0..10_000 {
        pipe.incr("n", 1);
    }
    let counted: Vec<i64> = pipe.query(&mut connection)?;
    assert!(counted.into_iter().eq(1..=10_000));
    Ok(())
}

#[test]
fn messages_reach_who_only_listens() -> RedisResult<()> {
    let (_server, client) = self_signed(Server::builder());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (mut sink, mut messages) = client.get_async_pubsub().await?.split();
        sink.subscribe("news").await?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        for number in 0..100 {
            let heard: i64 = redis::cmd("PUBLISH")
                .arg("news")
                .arg(number)
                .query_async(&mut connection)
                .await?;
            assert_eq!(heard, 1);
        }
        for number in 0..100 {
            let message = messages.next().await.expect("a message");
            let message: i64 = message.get_payload()?;
            assert_eq!(message, number);
        }
        Ok(())
    })
}

#[test]
fn who_does_not_trust_the_certificate_is_not_served_and_hurts_nobody() -> RedisResult<()> {
    let (server, client) = self_signed(Server::builder());
    let mut connection = client.get_connection()?;
    let another = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let another = another.expect("a pair").cert.pem();
    let stranger = self::client(&server, &another, None)?;
    assert!(stranger.get_connection().is_err());
    // Nor is one who speaks no TLS, or nothing at all.
    let address = server.tls_addr().expect("it listens");
    let _silent = TcpStream::connect(address)?;
    let mut plain = TcpStream::connect(address)?;
    plain.set_read_timeout(Some(Duration::from_secs(20)))?;
    plain.write_all(b"PING\r\n")?;
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"+"), "{answer:?}");
    assert!(connection.check_connection());
    let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut connection)?;
    assert_eq!(clients.lines().count(), 1, "{clients}");
    Ok(())
}

#[test]
fn the_last_reply_comes_before_the_end() -> RedisResult<()> {
    let (_server, client) = self_signed(Server::builder());
    let mut connection = client.get_connection()?;
    let left: Value = redis::cmd("QUIT").query(&mut connection)?;
    assert_eq!(left, Value::Okay);
    Ok(())
}

/// Certificates of an authority, of a server and of a client, in a folder.
struct Authority {
    folder: tempfile::TempDir,
    root: String,
    client: ClientTlsConfig,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let issue = |name: &str| {
            let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            params.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &root).expect("a certificate");
            (certificate.pem(), key.serialize_pem())
        };
        let (server, server_key) = issue("127.0.0.1");
        let (client_cert, client_key) = issue("a client");
        for (name, text) in [
            ("ca.crt", &root.pem()),
            ("server.crt", &server),
            ("server.key", &server_key),
            ("client.crt", &client_cert),
            ("client.key", &client_key),
        ] {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        Self {
            root: root.pem(),
            client: ClientTlsConfig {
                client_cert: client_cert.into_bytes(),
                client_key: client_key.into_bytes(),
            },
            folder,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn server(&self, clients: &str) -> Server {
        let builder = Server::builder()
            .tls(self.path("server.crt"), self.path("server.key"))
            .config("tls-ca-cert-file", self.path("ca.crt"))
            .config("tls-auth-clients", clients);
        builder.start().expect("a server starts")
    }
}

#[test]
fn clients_show_certificates_where_they_have_to() -> RedisResult<()> {
    let authority = Authority::new();
    for (clients, may_come_without) in [("yes", false), ("optional", true), ("no", true)] {
        let server = authority.server(clients);
        let without = client(&server, &authority.root, None)?;
        let came = without
            .get_connection()
            .is_ok_and(|mut connection| connection.check_connection());
        assert_eq!(came, may_come_without, "tls-auth-clients {clients}");
        let with = client(&server, &authority.root, Some(authority.client.clone()))?;
        let pong: String = redis::cmd("PING").query(&mut with.get_connection()?)?;
        assert_eq!(pong, "PONG", "tls-auth-clients {clients}");
    }
    Ok(())
}

#[test]
fn redis_cli_comes_by_tls() {
    let Some(program) = real::companion("redis-cli") else {
        eprintln!("skipped: no redis-cli found; set PETRIDIS_REDIS_SERVER");
        return;
    };
    let help = Command::new(&program).arg("--help").output();
    let help = help.expect("it runs");
    let text = [help.stdout, help.stderr].concat();
    if !String::from_utf8_lossy(&text).contains("--tls") {
        eprintln!("skipped: redis-cli was built without TLS");
        return;
    }
    let authority = Authority::new();
    let server = authority.server("yes");
    let port = server.tls_addr().expect("it listens").port().to_string();
    let output = Command::new(program)
        .args(["-h", "127.0.0.1", "-p", &port, "--tls"])
        .args(["--cacert", &authority.path("ca.crt")])
        .args(["--cert", &authority.path("client.crt")])
        .args(["--key", &authority.path("client.key")])
        .args(["SET", "key", "value"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim(), "OK", "{output:?}");
}

/// What CONFIG SET says of TLS holds for connections that come from then on.
#[test]
fn certificates_and_ports_are_exchanged_while_it_runs() -> RedisResult<()> {
    let authority = Authority::new();
    let server = authority.server("no");
    let mut plain = Client::open(server.url())?.get_connection()?;
    let set = |plain: &mut redis::Connection, words: &[&str]| -> RedisResult<String> {
        redis::cmd("CONFIG").arg("SET").arg(words).query(plain)
    };
    let early = client(&server, &authority.root, None)?;
    let mut early = early.get_connection()?;

    let another = Authority::new();
    let (cert, key) = (another.path("server.crt"), another.path("server.key"));
    set(&mut plain, &["tls-cert-file", &cert, "tls-key-file", &key])?;
    assert!(
        client(&server, &authority.root, None)?
            .get_connection()
            .is_err()
    );
    let mut late = client(&server, &another.root, None)?.get_connection()?;
    assert!(late.check_connection() && early.check_connection());

    for words in [
        ["tls-cert-file", "/no/such/file"],
        ["tls-key-file", &authority.path("server.key")],
        ["tls-protocols", "TLSv1.7"],
        ["tls-ciphersuites", "nonsense"],
        ["tls-ca-cert-file", "/no/such/file"],
    ] {
        let refused = set(&mut plain, &words).expect_err("it can't be heeded");
        let wanted = format!(
            "CONFIG SET failed (possibly related to argument '{}') - Unable to update TLS \
             configuration. Check server logs.",
            words[0]
        );
        assert!(refused.to_string().contains(&wanted), "{refused}");
    }
    assert!(
        client(&server, &another.root, None)?
            .get_connection()
            .is_ok()
    );

    // Clients have to show a certificate now, and no longer.
    let ca = another.path("ca.crt");
    set(
        &mut plain,
        &["tls-ca-cert-file", &ca, "tls-auth-clients", "yes"],
    )?;
    let without = client(&server, &another.root, None)?;
    let came = without
        .get_connection()
        .is_ok_and(|mut one| one.check_connection());
    assert!(!came);
    let with = client(&server, &another.root, Some(another.client.clone()))?;
    assert!(with.get_connection()?.check_connection());
    set(
        &mut plain,
        &["tls-auth-clients", "no", "tls-protocols", "TLSv1.2"],
    )?;
    assert!(
        client(&server, &another.root, None)?
            .get_connection()
            .is_ok()
    );

    let port = server.tls_addr().expect("it listens").port();
    set(&mut plain, &["tls-port", "0"])?;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    // Files are not looked at as long as nobody needs them.
    set(&mut plain, &["tls-cert-file", "/no/such/file"])?;
    assert!(set(&mut plain, &["tls-port", &port.to_string()]).is_err());
    set(
        &mut plain,
        &["tls-cert-file", &cert, "tls-port", &port.to_string()],
    )?;
    assert!(
        client(&server, &another.root, None)?
            .get_connection()
            .is_ok()
    );
    assert!(early.check_connection());
    Ok(())
}

/// TLS can be begun where there was none.
#[test]
fn tls_begins_when_it_is_told_to() -> RedisResult<()> {
    let authority = Authority::new();
    let server = Server::builder().start().expect("a server starts");
    let mut plain = Client::open(server.url())?.get_connection()?;
    let free = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = free.local_addr()?.port();
    drop(free);
    let words = [
        ("tls-auth-clients", "no".to_owned()),
        ("tls-cert-file", authority.path("server.crt")),
        ("tls-key-file", authority.path("server.key")),
        ("tls-port", port.to_string()),
    ];
    let _: () = redis::cmd("CONFIG")
        .arg("SET")
        .arg(&words[..])
        .query(&mut plain)?;
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: Some(authority.root.clone().into_bytes()),
    };
    let secure = Client::build_with_tls(format!("rediss://127.0.0.1:{port}"), certificates)?;
    assert!(secure.get_connection()?.check_connection());
    Ok(())
}

/// Whoever connects and says nothing takes nobody's place for long.
#[test]
fn very_many_silent_strangers_keep_nobody_out() -> RedisResult<()> {
    let (server, client) = self_signed(Server::builder());
    let address = server.tls_addr().expect("it listens");
    let mut silent = Vec::new();
    for _ in 0..1100 {
        silent.push(TcpStream::connect(address)?);
    }
    assert!(client.get_connection()?.check_connection());
    let mut longest = silent.swap_remove(0);
    longest.set_read_timeout(Some(Duration::from_secs(5)))?;
    assert_eq!(longest.read(&mut [0])?, 0, "it had to go");
    Ok(())
}
