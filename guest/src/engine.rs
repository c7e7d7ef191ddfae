//! Stub; to be replaced.
#![allow(missing_docs)]

pub struct Engine { open: Vec<u32>, out: Effects }
pub struct Options {
    pub now_us: u64,
    pub seed: u64,
    pub memory_ceiling: u64,
    pub config: Vec<(String, String)>,
    pub facts: Vec<(String, String)>,
}
#[derive(Clone, Copy, Debug)]
pub enum Transport { Tcp, Tls, Unix }
#[derive(Default)]
pub struct Effects {
    pub bytes: Vec<u8>,
    pub sends: Vec<Send>,
    pub closes: Vec<Close>,
    pub logs: Vec<LogLine>,
    pub wake_at_us: Option<u64>,
    pub exit: bool,
}
pub struct Send { pub connection: u32, pub length: u32 }
pub struct Close { pub connection: u32, pub flush: bool }
#[derive(Clone, Copy, Debug)]
pub enum LogLevel { Debug, Verbose, Notice, Warning }
pub struct LogLine { pub level: LogLevel, pub text: String }
pub struct Batch<'a>(&'a mut Engine);

impl Engine {
    pub fn with_defaults() -> Self { Engine { open: vec![], out: Effects::default() } }
    pub fn start(_o: Options) -> Result<Self, String> { Ok(Self::with_defaults()) }
    pub fn execute(&mut self, request: &[u8]) -> Vec<u8> {
        request.iter().filter(|b| **b == b'\n').flat_map(|_| b"+PONG\r\n".iter().copied()).collect()
    }
    pub fn begin(&mut self, _now: u64) -> Batch<'_> { Batch(self) }
}
impl Batch<'_> {
    pub fn opened(&mut self, c: u32, _t: Transport, _p: String, _l: String) { self.0.open.push(c); }
    pub fn received(&mut self, c: u32, b: &[u8]) {
        let r = self.0.execute(b);
        self.0.out.sends.push(Send { connection: c, length: r.len() as u32 });
        self.0.out.bytes.extend_from_slice(&r);
        if b.starts_with(b"SHUTDOWN") { self.0.out.exit = true; }
        if b.starts_with(b"QUIT") { self.0.out.closes.push(Close { connection: c, flush: true }); }
        if b.starts_with(b"TRAP") { panic!("trap asked for"); }
    }
    pub fn closed(&mut self, c: u32) { self.0.open.retain(|o| *o != c); }
    pub fn unsent(&mut self, _c: u32, _b: u64) {}
    pub fn finish(self) -> Effects { std::mem::take(&mut self.0.out) }
}
