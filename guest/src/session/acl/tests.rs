//! Users against themselves: what they print as makes them again; ids are used again, names are not.

use super::*;
use crate::resp::OwnedArgs;

const RULES: &[&str] = &[
    "on",
    "off",
    "nopass",
    "resetpass",
    ">one",
    ">two",
    "reset",
    "clearselectors",
    "allkeys",
    "resetkeys",
    "~a*",
    "~b",
    "%R~a*",
    "%W~c",
    "%RW~d",
    "allchannels",
    "resetchannels",
    "&x",
    "&y*",
    "+@all",
    "-@all",
    "+get",
    "-get",
    "+config",
    "-config",
    "+config|get",
    "-config|set",
    "+client|id",
    "-client",
    "+select|0",
    "+select|1",
    "-select",
    "+@read",
    "-@read",
    "+@write",
    "-@dangerous",
    "+@connection",
    "(+get ~a)",
    "(&x +publish -@all)",
    "(%R~* +@read -get)",
    "skip-sanitize-payload",
];

fn described(user: &User) -> String {
    let mut line = Vec::new();
    user.describe(&mut line);
    String::from_utf8(line).expect("rules in ASCII")
}

/// The rules of a line, parentheses kept together.
fn rules_of(line: &str) -> Vec<Vec<u8>> {
    let words = line.split(' ').map(str::as_bytes);
    let merged = rules::merge_selectors(words).expect("parentheses close");
    merged.into_iter().map(|rule| rule.into_owned()).collect()
}

fn verdicts(user: &User) -> Vec<Result<(), check::Denied>> {
    let requests = [
        "get a1",
        "get b",
        "set a1 x",
        "mget a1 d",
        "copy a1 c",
        "config get x",
        "config set x y",
        "client id",
        "select 0",
        "select 1",
        "publish x m",
        "subscribe x y",
        "psubscribe y*",
        "flushall",
        "ping",
    ];
    let verdict = |request: &str| {
        let args: OwnedArgs = request.split(' ').map(str::as_bytes).collect();
        let args = args.as_args();
        let spec = crate::session::handlers::named_by(args).expect("a command that is built");
        user.check(spec, args)
    };
    requests.into_iter().map(verdict).collect()
}

#[test]
fn what_a_user_prints_as_makes_it_again() {
    let default = PubsubDefault::ResetChannels;
    let mut rng = fastrand::Rng::with_seed(9);
    for _ in 0..300 {
        let mut user = User::new(b"u", default);
        for _ in 0..rng.u32(1..25) {
            // Some are refused, such as a pattern after all keys are allowed.
            let _ = user.apply(RULES[rng.usize(0..RULES.len())].as_bytes(), default);
        }
        let line = described(&user);
        let mut again = User::new(b"u", default);
        for rule in rules_of(&line) {
            again.apply(&rule, default).expect("a printed rule");
        }
        assert_eq!(described(&again), line);
        assert_eq!(verdicts(&again), verdicts(&user), "{line}");
        assert_eq!(again.is_unrestricted(), user.is_unrestricted(), "{line}");
    }
}

#[test]
fn a_rule_that_is_refused_says_why() {
    let default = PubsubDefault::ResetChannels;
    let mut user = User::new(b"u", default);
    let mut refused = |rule: &str| user.apply(rule.as_bytes(), default).expect_err(rule);
    assert_eq!(refused("+nosuch"), RuleError::UnknownCommand);
    assert_eq!(refused("+config|nosuch"), RuleError::UnknownCommand);
    assert_eq!(refused("-select|0"), RuleError::UnknownCommand);
    assert_eq!(
        refused("+config|get|x"),
        RuleError::FirstArgumentOfSubcommand
    );
    assert_eq!(refused("+select|"), RuleError::Syntax);
    assert_eq!(refused("%~a"), RuleError::Syntax);
    assert_eq!(refused("~a b"), RuleError::Syntax);
    assert_eq!(refused("(on)"), RuleError::Syntax);
    assert_eq!(refused("#abc"), RuleError::BadHash);
    assert_eq!(refused("<abc"), RuleError::NoSuchPassword);
}

#[test]
fn an_id_is_free_once_its_user_is_gone() {
    let mut acl = Acl::default();
    assert!(acl.is_open() && acl.is_unrestricted(UserId::DEFAULT));
    let named = |name: &str| User::new(name.as_bytes(), PubsubDefault::ResetChannels);
    acl.put(named("a"));
    acl.put(named("b"));
    let a = acl.find(b"a").expect("it is there");
    acl.remove(a);
    assert_eq!(acl.find(b"a"), None);
    assert!(!acl.is_unrestricted(a));
    acl.put(named("c"));
    assert_eq!(acl.find(b"c"), Some(a));
    let names: Vec<&[u8]> = acl.users().map(|user| &*user.name).collect();
    assert_eq!(names, [b"b".as_slice(), b"c", b"default"]);
    acl.set_default_password(b"secret");
    assert!(!acl.is_open() && acl.get(UserId::DEFAULT).accepts(b"secret"));
}

#[test]
fn a_server_starts_with_the_users_of_its_configuration() {
    let config = Config::default();
    let acl = Acl::start(
        &config,
        &[
            "alice on >p ~a* +get ( +set ~b )",
            "default on nopass +@all",
        ],
    );
    let acl = acl.expect("good rules");
    let lines: Vec<String> = acl.users().map(described).collect();
    let hash = "148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940";
    let alice = "~a* resetchannels -@all +get (~b resetchannels -@all +set)";
    assert_eq!(lines[0], format!("on sanitize-payload #{hash} {alice}"));
    assert_eq!(lines[1], "on nopass sanitize-payload resetchannels +@all");
    let refused = |lines: &[&str]| Acl::start(&config, lines).expect_err("bad rules");
    assert_eq!(
        refused(&["a +nosuch"]),
        "'user a +nosuch': Error in user declaration '+nosuch': Unknown command or category name in ACL"
    );
    assert_eq!(
        refused(&["a on", "a off"]),
        "'user a off': Duplicate user found. A user can only be defined once in config files"
    );
    assert_eq!(
        refused(&["a (+get"]),
        "'user a (+get': Unmatched parenthesis in acl selector starting at '(+get'."
    );
    assert_eq!(
        refused(&["'a b' on"]),
        "'user 'a b' on': Spaces not allowed in ACL usernames"
    );
}
