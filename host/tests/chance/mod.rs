//! Random requests, the same for the same seed.

/// Scripts `return 0` to one less than this are loaded and run.
pub const SCRIPTS: u64 = 20;

/// Numbers that are as good as random, and the same each time.
pub struct Chance(u64);

impl Chance {
    /// Those of a seed.
    pub fn of(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ seed)
    }

    /// A number below another one.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn key(&mut self) -> String {
        format!("key:{}", self.below(40))
    }

    /// A request that may or may not make sense.
    pub fn request(&mut self) -> String {
        let (key, other) = (self.key(), self.key());
        let number = self.below(1000);
        match self.below(32) {
            0 => format!("SET {key} {number}"),
            1 => format!("SET {key} {number} PX {}", 1 + number * 10),
            2 => format!("INCRBY {key} {number}"),
            3 => format!("APPEND {key} {}", "x".repeat(number as usize)),
            4 => format!("RPUSH {key} a {number}"),
            5 => format!("LPOP {key} {}", number % 3),
            6 => format!("SADD {key} {number} m{number}"),
            7 => format!("SPOP {key}"),
            8 => format!("HSET {key} f{} {number}", number % 7),
            9 => format!("HPEXPIRE {key} {} FIELDS 1 f1", 1 + number),
            10 => format!("ZADD {key} {number} m{}", number % 20),
            11 => format!("XADD {key} * f {number}"),
            12 => format!("XGROUP CREATE {key} g{} $ MKSTREAM", number % 3),
            13 => format!("XREADGROUP GROUP g1 c STREAMS {key} >"),
            14 => format!("DEL {key}"),
            15 => format!("PEXPIRE {key} {}", number * 20),
            16 => format!("RENAME {key} {other}"),
            17 => format!("SUNIONSTORE {key} {key} {other}"),
            18 => format!("CONFIG SET maxmemory-samples {}", 1 + number % 9),
            19 => format!("ACL SETUSER user{} on nopass ~* +get", number % 5),
            20 => format!("EVAL \"return redis.call('set', KEYS[1], {number})\" 1 {key}"),
            21 => format!("SETBIT {key} {number} 1"),
            22 => format!("PFADD {key} {number}"),
            23 => format!("EVAL \"return {}\" 0", number % SCRIPTS),
            24 => format!("SCRIPT LOAD \"return {}\"", number % SCRIPTS),
            25 => format!(
                "FUNCTION LOAD REPLACE \"#!lua name=lib{0}\\nredis.register_function('f{0}', \
                 function() return {number} end)\"",
                number % 4
            ),
            26 => format!("FCALL f{} 0", number % 4),
            27 => match number % 8 {
                0 => "SCRIPT FLUSH".to_owned(),
                1 => "FUNCTION FLUSH".to_owned(),
                2 => format!("SWAPDB 0 {}", number % 3),
                _ => format!("FUNCTION DELETE lib{}", number % 4),
            },
            28 => format!("ACL DELUSER user{}", number % 5),
            29 => format!(
                "ACL SETUSER user{} >pw{number} %R~{key} -@all +set|x",
                number % 5
            ),
            30 => format!("CONFIG SET maxmemory-policy allkeys-lru slowlog-max-len {number}"),
            _ => format!("SELECT {}", number % 3),
        }
    }
}
