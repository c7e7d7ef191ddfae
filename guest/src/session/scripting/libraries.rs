//! Which libraries of functions are loaded, and the functions in them. A library is its code, run once;
//! what it registers while it runs are its functions.

use std::collections::BTreeMap;

use crate::lua::Lua;
use crate::lua::function::{self, Registered};

/// A library that is loaded.
#[derive(Debug)]
pub struct Library {
    /// As FUNCTION LOAD took it.
    pub code: Box<[u8]>,
    /// What it registered.
    pub functions: Vec<Registered>,
    /// Bytes by which the machine grew for it.
    machine_bytes: usize,
}

/// A name of a library or a function.
pub type Name = Box<[u8]>;

/// The libraries that are loaded.
#[derive(Debug, Default)]
pub struct Libraries {
    by_name: BTreeMap<Name, Library>,
    /// In which library a function is, and its place there; by its name in small letters.
    by_function: BTreeMap<Name, (Name, usize)>,
    /// Bytes by which the machine grew for them.
    machine_bytes: usize,
}

/// A function's name as it is looked up.
fn folded(name: &[u8]) -> Name {
    name.to_ascii_lowercase().into()
}

/// Why a library cannot be loaded: the text behind the code `ERR`.
pub type Refusal = Vec<u8>;

impl Libraries {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// How many functions there are.
    pub fn functions(&self) -> usize {
        self.by_function.len()
    }

    /// Bytes that names and codes take.
    pub fn bytes(&self) -> u64 {
        let libraries = self.by_name.iter();
        let codes: usize = libraries
            .map(|(name, library)| name.len() + library.code.len())
            .sum();
        let names: usize = self.by_function.keys().map(|name| name.len()).sum();
        (codes + names) as u64
    }

    /// Bytes by which the machine grew for them.
    pub fn machine_bytes(&self) -> u64 {
        self.machine_bytes as u64
    }

    /// All libraries by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Library)> + Clone {
        self.by_name
            .iter()
            .map(|(name, library)| (&**name, library))
    }

    /// The codes of all libraries.
    pub fn codes(&self) -> impl Iterator<Item = &[u8]> {
        self.by_name.values().map(|library| &*library.code)
    }

    /// A function by its name.
    pub fn function(&self, name: &[u8]) -> Option<&Registered> {
        let (library, place) = self.by_function.get(&folded(name))?;
        self.by_name.get(library)?.functions.get(*place)
    }

    /// Loads a library; returns its name.
    pub fn load(
        &mut self,
        machine: &mut Lua,
        code: &[u8],
        replaces: bool,
    ) -> Result<Name, Refusal> {
        let header = function::header(code)?;
        if !function::is_name(&header.name) {
            return Err(function::BAD_NAME.as_bytes().to_vec());
        }
        if !header.engine.eq_ignore_ascii_case(b"lua") {
            return Err([b"Engine '", &header.engine[..], b"' not found"].concat());
        }
        let name: Name = header.name.into();
        if !replaces && self.by_name.contains_key(&name) {
            return Err([b"Library '", &name[..], b"' already exists"].concat());
        }
        let before = machine.memory();
        let functions = machine.load_library(&code[header.code..])?;
        let taken = functions.iter().find(|function| {
            let known = self.by_function.get(&folded(&function.name));
            known.is_some_and(|(library, _)| *library != name)
        });
        if let Some(taken) = taken {
            let refusal = [b"Function ", &taken.name[..], b" already exists"].concat();
            machine.drop_functions(&functions);
            return Err(refusal);
        }
        self.delete(machine, &name);
        let library = Library {
            code: code.into(),
            functions,
            machine_bytes: machine.memory().saturating_sub(before),
        };
        self.link(name.clone(), library);
        Ok(name)
    }

    fn link(&mut self, name: Name, library: Library) {
        for (place, function) in library.functions.iter().enumerate() {
            let known = (name.clone(), place);
            self.by_function.insert(folded(&function.name), known);
        }
        self.machine_bytes += library.machine_bytes;
        self.by_name.insert(name, library);
    }

    fn unlink(&mut self, name: &[u8]) -> Option<Library> {
        let library = self.by_name.remove(name)?;
        self.machine_bytes -= library.machine_bytes;
        for function in &library.functions {
            self.by_function.remove(&folded(&function.name));
        }
        Some(library)
    }

    /// Deletes a library. False if there is none of that name.
    pub fn delete(&mut self, machine: &mut Lua, name: &[u8]) -> bool {
        let Some(library) = self.unlink(name) else {
            return false;
        };
        machine.drop_functions(&library.functions);
        true
    }

    /// Deletes all libraries.
    pub fn clear(&mut self, machine: &mut Lua) {
        for library in std::mem::take(&mut self.by_name).into_values() {
            machine.drop_functions(&library.functions);
        }
        self.by_function.clear();
        self.machine_bytes = 0;
    }

    /// Adds libraries, all of them or none. With `replaces`, in place of those of the same name.
    pub fn join(
        &mut self,
        machine: &mut Lua,
        mut more: Libraries,
        replaces: bool,
    ) -> Result<(), Refusal> {
        if let Err(refusal) = self.may_join(&more, replaces) {
            more.clear(machine);
            return Err(refusal);
        }
        for (name, library) in more.by_name {
            self.delete(machine, &name);
            self.link(name, library);
        }
        Ok(())
    }

    fn may_join(&self, more: &Libraries, replaces: bool) -> Result<(), Refusal> {
        let known = more
            .by_name
            .keys()
            .find(|name| self.by_name.contains_key(*name));
        if let Some(name) = known
            && !replaces
        {
            return Err([b"Library ", &name[..], b" already exists"].concat());
        }
        let stays = |name: &Name| {
            let known = self.by_function.get(name);
            known.is_some_and(|(library, _)| !more.by_name.contains_key(library))
        };
        match more.by_function.keys().find(|name| stays(name)) {
            Some(name) => Err([b"Function ", &name[..], b" already exists"].concat()),
            None => Ok(()),
        }
    }
}
