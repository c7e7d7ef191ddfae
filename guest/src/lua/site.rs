//! Where in a script something happens: line and names, for the words of an error. The VM carries
//! the number of a site wherever it would carry a line.

use super::lex::Text;

/// A chunk's number, and a place in its list of sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteId(pub u64);

const BITS: u32 = 24;

impl SiteId {
    /// The site at `index` of a chunk.
    pub fn new(chunk: usize, index: usize) -> Self {
        SiteId(((chunk as u64) << BITS) | index as u64)
    }

    fn parts(self) -> (usize, usize) {
        (
            (self.0 >> BITS) as usize,
            (self.0 & ((1 << BITS) - 1)) as usize,
        )
    }
}

/// What kind of thing a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A local variable.
    Local,
    /// A local variable of an outer function.
    Upvalue,
    /// A global variable.
    Global,
    /// A field of a table.
    Field,
    /// What is called with `:`.
    Method,
    /// A loop's iterator: it has a name for what it complains about, but not for who calls it.
    Iterator,
}

/// How a script calls a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// What it names.
    pub kind: NameKind,
    /// The name itself.
    pub text: Text,
}

impl Name {
    /// `local 'x'`
    pub fn append(&self, out: &mut Vec<u8>) {
        let kind: &[u8] = match self.kind {
            NameKind::Local => b"local",
            NameKind::Upvalue => b"upvalue",
            NameKind::Global => b"global",
            NameKind::Field => b"field",
            NameKind::Method => b"method",
            NameKind::Iterator => b"local",
        };
        out.extend_from_slice(kind);
        out.extend_from_slice(b" '");
        out.extend_from_slice(&self.text);
        out.push(b'\'');
    }
}

/// A line and the name of what is used there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The line.
    pub line: u32,
    /// What it is called, if anything.
    pub name: Option<Name>,
}

/// One place in a script.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Its line.
    pub line: u32,
    /// What is called here, or the operands, in order.
    pub names: Vec<Option<Name>>,
    /// What the VM itself may fail to index.
    pub index: Option<Use>,
    /// What the VM itself may fail to call.
    pub call: Option<Use>,
}

/// A chunk as errors speak of it.
#[derive(Debug)]
pub struct ChunkInfo {
    /// How messages begin: `user_script`.
    pub name: Vec<u8>,
    /// What the chunk was loaded as: `@user_script`.
    pub source: Vec<u8>,
    /// Its sites.
    pub sites: Vec<Site>,
}

/// The chunks that are loaded.
#[derive(Debug, Default)]
pub struct Chunks {
    chunks: Vec<Option<ChunkInfo>>,
}

impl Chunks {
    /// A number for a chunk that is being compiled.
    pub fn reserve(&mut self) -> usize {
        // There is no chunk 0: site 0 is nowhere.
        match self.chunks.iter().skip(1).position(Option::is_none) {
            Some(free) => free + 1,
            None => {
                self.chunks.push(None);
                self.chunks.resize_with(self.chunks.len().max(2), || None);
                self.chunks.len() - 1
            }
        }
    }

    /// Keeps what is known of a chunk.
    pub fn insert(&mut self, chunk: usize, info: ChunkInfo) {
        if let Some(place) = self.chunks.get_mut(chunk) {
            *place = Some(info);
        }
    }

    /// Forgets all chunks.
    pub fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Forgets a chunk that nothing runs any more.
    pub fn remove(&mut self, chunk: usize) {
        if let Some(place) = self.chunks.get_mut(chunk) {
            *place = None;
        }
    }

    /// A site, with its chunk's name.
    pub fn site(&self, id: SiteId) -> Option<(&[u8], &Site)> {
        let (chunk, index) = id.parts();
        let info = self.chunks.get(chunk)?.as_ref()?;
        Some((&info.name, info.sites.get(index)?))
    }

    /// What the chunk of a site was loaded as.
    pub fn source(&self, id: SiteId) -> Option<&[u8]> {
        let (chunk, _) = id.parts();
        let info = self.chunks.get(chunk)?.as_ref()?;
        Some(&info.source)
    }

    /// `user_script:1: `
    pub fn position(&self, id: SiteId) -> Vec<u8> {
        match self.site(id) {
            Some((name, site)) => position(name, site.line),
            None => Vec::new(),
        }
    }
}

/// `user_script:1: `
pub fn position(chunk: &[u8], line: u32) -> Vec<u8> {
    let mut text = chunk.to_vec();
    text.extend_from_slice(format!(":{line}: ").as_bytes());
    text
}
