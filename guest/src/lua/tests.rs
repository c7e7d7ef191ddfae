//! What holds for the machine as a whole, with a port that knows two commands.

use super::*;
use crate::resp::{Args, OwnedArgs, Protocol, Sink, Wire};

/// Answers ECHO and COUNT, and knows nothing else.
#[derive(Default)]
struct Fake {
    calls: i64,
}

impl Port for Fake {
    fn call(&mut self, args: Args<'_>, _replication: Replication, reply: &mut dyn Sink) {
        self.calls += 1;
        match args.at(0) {
            b"ECHO" => reply.bulk(args.at(1)),
            b"COUNT" => reply.integer(self.calls),
            _ => reply.error(b"ERR unknown"),
        }
    }

    fn may_run(&mut self, args: Args<'_>) -> Result<bool, Unknown> {
        if args.at(0) == b"ECHO" {
            Ok(true)
        } else {
            Err(Unknown::Command)
        }
    }
}

fn args(words: &[&str]) -> OwnedArgs {
    words.iter().map(|word| word.as_bytes()).collect()
}

/// Runs a script in slices of so many instructions and shows its reply.
fn run_in(lua: &mut Lua, script: &str, slice: u64) -> String {
    let script = match lua.load(script.as_bytes()) {
        Ok(script) => script,
        Err(message) => return String::from_utf8_lossy(&message).into_owned(),
    };
    lua.start(
        &script,
        args(&["k1", "k2"]).as_args(),
        args(&["a1"]).as_args(),
    );
    let mut port = Fake::default();
    loop {
        match lua.run(&mut port, slice) {
            Step::Yielded => {}
            Step::Failed(failure) => {
                return String::from_utf8_lossy(&failure.text("sha")).into_owned();
            }
            Step::Done => {
                let mut wire = Wire::default();
                wire.aim(Protocol::Resp2, usize::MAX);
                lua.write_reply(&mut wire, &mut |_| {});
                let reply = wire.take();
                return String::from_utf8_lossy(&reply)
                    .replace("\r\n", " ")
                    .trim_end()
                    .to_owned();
            }
        }
    }
}

fn run(script: &str) -> String {
    run_in(&mut Lua::new(), script, u64::MAX)
}

#[test]
fn a_script_sees_its_keys_and_arguments_and_calls_commands() {
    assert_eq!(run("return {KEYS[2], ARGV[1]}"), "*2 $2 k2 $2 a1");
    assert_eq!(run("return redis.call('ECHO', 'hi')"), "$2 hi");
    assert_eq!(
        run("return {redis.call('COUNT'), redis.call('COUNT')}"),
        "*2 :1 :2"
    );
    assert_eq!(
        run("local x = 1\nreturn redis.call('nosuch')"),
        "ERR unknown script: sha, on @user_script:2."
    );
    assert_eq!(run("return redis.pcall('nosuch')"), "-ERR unknown");
}

/// Where a slice ends must not show.
#[test]
fn results_do_not_depend_on_slices() {
    let script = "local t = {} for i = 1, 300 do t[#t + 1] = (i * 7) % 11 end \
                  table.sort(t, function(a, b) return a > b end) \
                  local s = string.gsub('hello world', '%w+', function(w) return w:upper() end) \
                  local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(redis.call('COUNT')) end end) \
                  return {t[1], t[300], s, co(), co(), #t}";
    let whole = run(script);
    assert_eq!(whole, "*6 :10 :0 $11 HELLO WORLD :1 :2 :300");
    for slice in [1, 4_097, 10_000] {
        assert_eq!(run_in(&mut Lua::new(), script, slice), whole);
    }
}

#[test]
fn a_script_that_holds_too_much_ends_and_the_next_one_runs() {
    let mut lua = Lua::new();
    let limit = lua.memory() + (4 << 20);
    lua.set_memory_limit(limit);
    for script in [
        "local t = {} while true do t[#t + 1] = 'x' .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "return string.rep('x', 1000000000)",
        "local function f() return f() + 1 end return f()",
        "return cjson.decode('[' .. string.rep('{},', 1000000) .. '1]')",
    ] {
        let reply = run_in(&mut lua, script, u64::MAX);
        assert!(
            reply.contains("not enough memory") || reply.contains("stack overflow"),
            "{script}: {reply}"
        );
        assert_eq!(run_in(&mut lua, "return 'fine'", u64::MAX), "$4 fine");
    }
}

#[test]
fn a_script_can_be_stopped_anywhere() {
    let mut lua = Lua::new();
    let endless = lua
        .load(b"while true do pcall(function() while true do redis.call('COUNT') end end) end")
        .expect("it compiles");
    let nothing = OwnedArgs::default();
    lua.start(&endless, nothing.as_args(), nothing.as_args());
    assert_eq!(lua.run(&mut Fake::default(), 50_000), Step::Yielded);
    lua.stop();
    assert_eq!(run_in(&mut lua, "return 1", u64::MAX), ":1");
}

/// The VM's table breaks when it grows after keys were removed, and on some whole numbers.
#[test]
fn tables_survive_growth_after_removal() {
    assert_eq!(
        run(
            "local t = {} for i = 1, 500 do t['k' .. i] = i t['k' .. (i - 7)] = nil end \
             local n, s = 0, 0 for k, v in pairs(t) do n = n + 1 s = s + v end return {n, s}"
        ),
        "*2 :7 :3479"
    );
    assert_eq!(
        run(
            "local t = {} for i = 0, 40 do t[2147483648 + i] = i t[4294967295 - i] = i end \
             for i = 0, 40, 2 do t[2147483648 + i] = nil end \
             local n = 0 for k in pairs(t) do n = n + 1 end return {n, t[4294967295], t[2147483649]}"
        ),
        "*3 :61 :0 :1"
    );
    assert_eq!(
        run(
            "local t = {1, 2, 3} for k in pairs(t) do t[k] = nil end for i = 1, 20 do t[i] = i end \
             t.x = 1 t.x = nil for i = 21, 40 do t[i] = i end return {#t, t[40]}"
        ),
        "*2 :40 :40"
    );
}

/// What 5.1 does and the VM does not, where the front end makes up for it.
#[test]
fn the_language_is_5_1() {
    for (script, reply) in [
        ("local a, b = 1, 2 a, b = b, a return {a, b}", "*2 :2 :1"),
        ("local x = 1 local x, y = 5, x return {x, y}", "*2 :5 :1"),
        ("return tostring('a' .. 'b' ~= 'ab')", "$5 false"),
        ("local function f(a, b, c) return a end return f(1)", ":1"),
        ("return {((function() return 1, 2 end)())}", "*1 :1"),
        ("return tostring(0/0 > 1) .. tostring(10 / 2)", "$6 false5"),
        (
            "while true do if true then break end local y = 1 return y end return 2",
            ":2",
        ),
        ("return 1e15 .. ''", "$5 1e+15"),
        ("return ' 5 ' + 1", ":6"),
        ("local s = 'x' return s:rep(3)", "$3 xxx"),
        ("return #{1, nil, 3}", ":3"),
        (
            "local n = 0 for v in function() n = n + 1 if n < 4 then return false end end do end return n",
            ":4",
        ),
    ] {
        assert_eq!(run(script), reply, "{script}");
    }
}

#[test]
fn a_library_registers_functions_with_a_state_of_their_own() {
    let mut lua = Lua::new();
    let code = b"#!lua name=counters\nlocal n = 0\n\
                 redis.register_function('up', function(keys, args) n = n + (args[1] or 1) return n end)\n\
                 redis.register_function{function_name = 'down', callback = function() n = n - 1 return n end, flags = {'no-writes'}}";
    let header = function::header(code).expect("a header");
    assert_eq!(header.name, b"counters");
    let functions = lua.load_library(&code[header.code..]).expect("it loads");
    assert_eq!(functions.len(), 2);
    assert_eq!(functions[1].flags, Flag::NoWrites as u8);
    let mut call = |index: usize, words: &[&str]| {
        lua.start_function(
            functions[index].function,
            OwnedArgs::default().as_args(),
            args(words).as_args(),
        );
        assert_eq!(lua.run(&mut Fake::default(), u64::MAX), Step::Done);
        let mut wire = Wire::default();
        wire.aim(Protocol::Resp2, usize::MAX);
        lua.write_reply(&mut wire, &mut |_| {});
        String::from_utf8_lossy(&wire.take()).trim_end().to_owned()
    };
    assert_eq!(call(0, &["5"]), ":5");
    assert_eq!(call(0, &[]), ":6");
    assert_eq!(call(1, &[]), ":5");
}

#[test]
fn what_is_wrong_with_a_library_is_said() {
    let mut lua = Lua::new();
    for (code, error) in [
        ("return 1", "No functions registered"),
        (
            "return math.random()",
            "Error registering functions: ERR user_function:1: Script attempted to access nonexistent global variable 'math'",
        ),
        (
            "while true do end",
            "Error registering functions: ERR FUNCTION LOAD timeout",
        ),
    ] {
        let got = lua
            .load_library(code.as_bytes())
            .expect_err("it is refused");
        assert_eq!(String::from_utf8_lossy(&got), error);
    }
}

/// Deep source, deep data and long chains end in an answer.
#[test]
fn depth_is_bounded() {
    for (open, close) in [
        ("(", ")"),
        ("{", "}"),
        ("f(", ")"),
        ("function() return ", " end"),
        ("not ", ""),
        ("- ", ""),
        ("", "+1"),
        ("", " and 1"),
        ("", "..1"),
        ("", ".x"),
        ("", "()"),
    ] {
        for depth in [50, 190, 300, 20_000] {
            let script = format!(
                "local f = 1 return {}f{}",
                open.repeat(depth),
                close.repeat(depth)
            );
            run(&script);
        }
    }
    run("local t = {} for i = 1, 20000 do t = {t} end return t");
    run("return cjson.decode(string.rep('[', 20000))");
    run("return cmsgpack.unpack(string.rep('\\145', 20000))");
}
