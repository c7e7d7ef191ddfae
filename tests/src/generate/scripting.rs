//! Random programs of Lua 5.1, mostly sensible: each statement runs protected, and what became of
//! every variable, with the order of each table, is the reply.

use proptest::prelude::*;

use super::Family;

pub const FAMILY: Family = Family {
    name: "scripting",
    templates: &[
        "EVAL program 1 key value",
        "EVAL program 1 key value",
        "EVAL program 2 key key value value",
    ],
    slot: |name| match name {
        "program" => Some(any::<u64>().prop_map(|seed| vec![program(seed)]).boxed()),
        _ => None,
    },
};

/// What each program begins with: how values are shown, and what ends a loop that goes on for long or
/// makes what doubles with each turn, and keeps a table that holds itself from being written out, and
/// addresses from being seen.
const PRELUDE: &str = "\
local function show(v, d)
  local t = type(v)
  if t == 'table' then
    if d > 3 then return '{..}' end
    local r, n = {}, 0
    for k, x in pairs(v) do
      n = n + 1
      if n > 30 then break end
      r[#r + 1] = show(k, d + 1) .. '=' .. show(x, d + 1)
    end
    return '{' .. table.concat(r, ',') .. '}#' .. #v
  elseif t == 'string' then return string.format('%q', v)
  elseif t == 'function' or t == 'thread' or t == 'userdata' then return t end
  return tostring(v)
end
local n, m, s, u, t, w, v = 1, 5, 's', 'u', {}, {}
local function deep(v, d)
  if type(v) ~= 'table' then return false end
  if d > 4 then return true end
  for k, x in pairs(v) do if deep(x, d + 1) then return true end end
  return false
end
local left = 200
local function tick()
  left = left - 1
  if left < 0 or #tostring(s) + #tostring(u) > 999 or deep(t, 0) or deep(w, 0) then
    error('too long', 0)
  end
end
local function plain(v) if type(v) == 'table' or type(v) == 'function' then return type(v) end return v end
local function small(v) if deep(v, 0) then error('too deep', 0) end return v end
local log = {}
local function try(f, ...) local ok, e = pcall(f, ...) if not ok then log[#log + 1] = show(e, 2) end end
";

const NUMBERS: &[&str] = &[
    "0", "1", "2", "3", "-1", "0.5", "10", "100", "1e15", "2^53", "0/0", "1/0", "7", "255", "3.7",
    "1e-5", "-2.5", "16", "1e100",
];

const STRINGS: &[&str] = &[
    "''",
    "'a'",
    "'10'",
    "'x1'",
    "'hello world'",
    "'0x10'",
    "' 5 '",
    "'a.b.c'",
    "'key=val'",
    "'z\\0z'",
    "'%d'",
    "'[a]'",
    "'a longer string, of more than forty characters in all'",
    "'-3.5'",
];

const PATTERNS: &[&str] = &[
    "'%a+'",
    "'l+'",
    "'(.)(.)'",
    "'[^a]'",
    "'^h'",
    "'x*'",
    "'%d'",
    "'()'",
    "'%s'",
    "'.-o'",
    "'(h)(e)'",
    "'%b[]'",
    "'%f[%w]%w+'",
    "'(%w+)=(%w+)'",
    "'[%w_]+$'",
    "'.'",
    "''",
];

const KEYS: &[&str] = &[
    "x", "y", "z", "n", "len", "k1", "k2", "foo", "bar", "name", "id", "value", "count",
];

/// A source of choices.
pub(crate) struct Chance(u64);

impl Chance {
    /// Others for each seed, be the seeds in a row.
    pub(crate) fn new(seed: u64) -> Self {
        Chance(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below that.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.number() >> 11) as usize % bound
    }

    /// One of them.
    pub(crate) fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// Variables: `n` and `m` are mostly numbers, `s` and `u` strings, `t` and `w` tables, `v` anything.
struct Program {
    chance: Chance,
    depth: usize,
}

/// The program of that number.
pub(crate) fn program(seed: u64) -> Vec<u8> {
    let mut program = Program {
        chance: Chance(seed | 1),
        depth: 0,
    };
    let mut text = PRELUDE.to_owned();
    let (n, s, t) = (program.number(), program.string(), program.table());
    let w = program.table();
    text.push_str(&format!("n, s, t, w = {n}, {s}, {t}, {w}\n"));
    for _ in 0..2 + program.chance.below(6) {
        let statement = program.statement();
        text.push_str(&format!(
            "try(function(...) {statement} end, KEYS[1], 2, nil)\n"
        ));
    }
    text.push_str("return {show(n, 0), show(m, 0), show(s, 0), show(u, 0), show(t, 0), show(w, 0), show(v, 0), unpack(log)}");
    text.into_bytes()
}

impl Program {
    fn deeper<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let made = make(self);
        self.depth -= 1;
        made
    }

    fn number(&mut self) -> String {
        if self.depth > 3 || self.chance.below(3) == 0 {
            return match self.chance.below(3) {
                0 => self
                    .chance
                    .pick(&["n", "m", "(left * 0)", "#t", "#w"])
                    .to_owned(),
                _ => self.chance.pick(NUMBERS).to_owned(),
            };
        }
        self.deeper(|program| {
            let (left, right) = (program.number(), program.number());
            match program.chance.below(14) {
                0..=4 => {
                    let operator = program.chance.pick(&["+", "-", "*", "/", "%", "^"]);
                    format!("({left} {operator} {right})")
                }
                5 => format!("-{left}"),
                6 => format!("#{}", program.string()),
                7 => format!("(tonumber({}) or {right})", program.anything()),
                8 => {
                    let function = program.chance.pick(&[
                        "math.floor",
                        "math.abs",
                        "math.ceil",
                        "math.sqrt",
                        "bit.tobit",
                        "bit.bnot",
                    ]);
                    format!("{function}({left})")
                }
                9 => {
                    let function = program.chance.pick(&[
                        "math.max",
                        "math.min",
                        "math.fmod",
                        "bit.band",
                        "bit.lshift",
                    ]);
                    format!("{function}({left}, {right})")
                }
                10 => format!("select('#', {left}, {})", program.anything()),
                11 => format!("({} and {left} or {right})", program.condition()),
                12 => format!("string.byte({}, {left})", program.string()),
                _ => format!("(function(a, b) return a, b end)({left}, {right})"),
            }
        })
    }

    fn string(&mut self) -> String {
        if self.depth > 3 || self.chance.below(3) == 0 {
            return match self.chance.below(3) {
                0 => self
                    .chance
                    .pick(&["s", "u", "KEYS[1]", "ARGV[1]"])
                    .to_owned(),
                _ => self.chance.pick(STRINGS).to_owned(),
            };
        }
        self.deeper(|program| {
            let (left, pattern) = (program.string(), program.chance.pick(PATTERNS));
            let number = program.number();
            match program.chance.below(14) {
                0..=2 => format!("({left} .. {})", program.string()),
                3 => format!("({left} .. {number})"),
                4 => format!("tostring(plain({number}))"),
                5 => format!("string.sub({left}, {number}, {})", program.number()),
                6 => {
                    let function = program.chance.pick(&[
                        "string.upper",
                        "string.lower",
                        "string.reverse",
                        "redis.sha1hex",
                    ]);
                    format!("{function}({left})")
                }
                7 => format!("(string.gsub({left}, {pattern}, '<%0>'))"),
                8 => {
                    let format = program.chance.pick(&[
                        "%5.2f", "%d", "%s", "%g", "%x", "%10s", "%-5s|", "%e", "%q", "%05d", "%i",
                    ]);
                    format!("string.format('{format}', {number})")
                }
                9 => format!("string.rep({left}, 3)"),
                10 => format!("({left}):sub(2)"),
                11 => format!("type({})", program.anything()),
                12 => format!("cjson.encode(small({}))", program.table()),
                _ => format!("table.concat({{{left}, {number}}}, ',')"),
            }
        })
    }

    fn condition(&mut self) -> String {
        self.deeper(|program| match program.chance.below(8) {
            0 | 1 => {
                let operator = program.chance.pick(&["<", "<=", ">", ">=", "==", "~="]);
                format!("({} {operator} {})", program.number(), program.number())
            }
            2 => {
                let operator = program.chance.pick(&["<", "<=", ">", ">=", "==", "~="]);
                format!("({} {operator} {})", program.string(), program.string())
            }
            3 => format!("(not {})", program.anything()),
            4 if program.depth < 4 => {
                let operator = program.chance.pick(&["and", "or"]);
                format!(
                    "({} {operator} {})",
                    program.condition(),
                    program.condition()
                )
            }
            5 => format!("({} == {})", program.anything(), program.anything()),
            6 => program.chance.pick(&["true", "false", "nil"]).to_owned(),
            _ => format!("(type({}) == 'number')", program.anything()),
        })
    }

    fn field(&mut self) -> String {
        match self.chance.below(5) {
            0 | 1 => self.anything(),
            2 | 3 => format!("{} = {}", self.chance.pick(KEYS), self.anything()),
            _ => format!("[{}] = {}", self.key(), self.anything()),
        }
    }

    fn table(&mut self) -> String {
        if self.depth > 3 {
            return self.chance.pick(&["t", "w", "{}", "{1, 2, 3}"]).to_owned();
        }
        self.deeper(|program| match program.chance.below(8) {
            0 => "t".to_owned(),
            1 => "{cmsgpack.unpack(cmsgpack.pack(1, {x = 2}, 'three'))}".to_owned(),
            2 => "cjson.decode('{\"a\":[1,2,{\"b\":null}],\"c\":\"d\",\"e\":1.5}')".to_owned(),
            3 => "{...}".to_owned(),
            _ => {
                let fields: Vec<String> = (0..program.chance.below(7))
                    .map(|_| program.field())
                    .collect();
                format!("{{{}}}", fields.join(", "))
            }
        })
    }

    fn key(&mut self) -> String {
        match self.chance.below(6) {
            0 => format!("'{}'", self.chance.pick(KEYS)),
            1 => self
                .chance
                .pick(&["1", "2", "3", "#t + 1", "#w", "0", "-1", "1.5"])
                .to_owned(),
            2 => "true".to_owned(),
            3 => format!("'k' .. {}", self.number()),
            4 => self.number(),
            _ => self.string(),
        }
    }

    fn anything(&mut self) -> String {
        if self.depth > 3 {
            return self
                .chance
                .pick(&["n", "s", "t", "v", "nil", "true", "false"])
                .to_owned();
        }
        self.deeper(|program| match program.chance.below(14) {
            0..=2 => program.number(),
            3..=5 => program.string(),
            6 => program.table(),
            7 => program.condition(),
            8 => format!("t[{}]", program.key()),
            9 => format!("w.{}", program.chance.pick(KEYS)),
            10 => program
                .chance
                .pick(&["v", "nil", "...", "next(t)", "#ARGV"])
                .to_owned(),
            11 => format!("(pcall({}, {}))", program.function(), program.anything()),
            12 => program.command(),
            _ => format!("({})({})", program.function(), program.anything()),
        })
    }

    /// A command that answers the same wherever it runs.
    fn command(&mut self) -> String {
        let how = self.chance.pick(&["call", "pcall"]);
        let string = self.string();
        let command = match self.chance.below(10) {
            0 => format!("'SET', 'lua:s', {string}"),
            1 => "'GET', 'lua:s'".to_owned(),
            2 => "'INCR', 'lua:n'".to_owned(),
            3 => format!("'RPUSH', 'lua:l', {string}, {}", self.number()),
            4 => "'LRANGE', 'lua:l', 0, 3".to_owned(),
            5 => "'LPOP', 'lua:l'".to_owned(),
            6 => format!("'ECHO', {string}"),
            7 => "'INCR', 'lua:l'".to_owned(),
            8 => format!("'GET', {}", self.anything()),
            _ => "'NOSUCH', 1".to_owned(),
        };
        format!("redis.{how}({command})")
    }

    fn function(&mut self) -> String {
        if self.depth > 3 {
            return "function(p) return p end".to_owned();
        }
        self.deeper(|program| {
            let params = program
                .chance
                .pick(&["", "p", "p, q", "n", "...", "p, ..."]);
            let body = match program.chance.below(3) {
                0 => program.statement(),
                _ => String::new(),
            };
            // A vararg of the function around is none of its own.
            let result = program.anything().replace("...", "nil");
            let body = body.replace("...", "nil");
            format!("function({params}) {body} return {result} end")
        })
    }

    fn block(&mut self) -> String {
        self.deeper(|program| {
            (0..program.chance.below(3))
                .map(|_| program.statement())
                .collect::<Vec<_>>()
                .join(" ")
        })
    }

    fn statement(&mut self) -> String {
        if self.depth > 4 {
            return format!("n = {}", self.number());
        }
        match self.chance.below(26) {
            0 | 1 => format!("n = {}", self.number()),
            2 => format!("m = {}", self.number()),
            3 | 4 => format!("s = string.sub({}, 1, 200)", self.string()),
            5 => format!("u = string.sub({}, 1, 200)", self.string()),
            6 | 7 => format!("t = {}", self.table()),
            8 => format!("v = {}", self.anything()),
            9 | 10 => format!("t[{}] = {}", self.key(), self.anything()),
            11 => format!("w.{} = {}", self.chance.pick(KEYS), self.anything()),
            12 => format!("w[#w + 1] = {}", self.anything()),
            13 => format!("t[{}] = nil", self.key()),
            14 => {
                let (condition, yes, no) = (self.condition(), self.block(), self.block());
                let second = self.condition();
                format!("if {condition} then {yes} elseif {second} then {no} else {yes} end")
            }
            15 => {
                let step = self.chance.pick(&["", ", 2", ", -1", ", 0.5"]);
                let (last, body) = (self.number(), self.block());
                format!("for i = 1, {last}{step} do tick() {body} w['i' .. i] = i end")
            }
            16 => {
                let body = self.block();
                format!(
                    "for k, x in pairs({}) do tick() v = k {body} end",
                    self.table()
                )
            }
            17 => format!("for i, x in ipairs({}) do tick() n = i end", self.table()),
            18 => format!("while {} do tick() {} end", self.condition(), self.block()),
            19 => format!("repeat tick() {} until {}", self.block(), self.condition()),
            20 => {
                let (first, second) = (self.anything(), self.number());
                self.chance
                    .pick(&[
                        "n, m = m, n",
                        "s, u = u, s",
                        "t, w = w, t",
                        "t.x, t.y = t.y, t.x",
                    ])
                    .to_owned()
                    + &format!(" local a, b = {first}, {second} v = b")
            }
            21 => {
                let call = self.chance.pick(&[
                    "table.sort(t)",
                    "table.sort(t, function(a, b) tick() return show(a, 0) < show(b, 0) end)",
                    "table.insert(t, n)",
                    "table.insert(t, 1, s)",
                    "table.remove(t)",
                    "table.remove(t, 1)",
                    "v = {string.find(s, 'l', 1, true)}",
                    "v = {pcall(string.format, s, n, u)}",
                    "v = cmsgpack.pack(small(t))",
                    "v = {unpack(t, 1, 3)}",
                    "for a, b in s:gmatch('(%w)(%w)') do v = b .. a end",
                ]);
                call.to_owned()
            }
            22 => format!("v = {{pcall({}, {})}}", self.function(), self.anything()),
            23 => format!(
                "v = {{string.find({}, {})}}",
                self.string(),
                self.chance.pick(PATTERNS)
            ),
            24 => {
                let event = self.chance.pick(&[
                    "__index",
                    "__newindex",
                    "__call",
                    "__add",
                    "__concat",
                    "__lt",
                    "__unm",
                ]);
                format!(
                    "local o = setmetatable({{}}, {{{event} = function(p, q) return {} end}}) \
                     v = {{pcall(function() return {} end)}}",
                    self.number(),
                    self.chance.pick(&[
                        "o.x", "o(1)", "o + 1", "1 + o", "o .. 'x'", "o < o", "-o", "#o", "o == o",
                    ])
                )
            }
            _ => format!("error({})", self.string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_program() {
        assert_eq!(program(7), program(7));
        assert_ne!(program(7), program(9));
    }
}
