//! Where a name leads: every field of every library, in a table that is made when this is compiled.

use super::LIBRARIES;

/// A field: its library, and its place among the functions and then the constants there.
#[derive(Clone, Copy)]
struct Field {
    library: u8,
    place: u8,
}

const FREE: Field = Field {
    library: u8::MAX,
    place: 0,
};

/// Several times as many as there are fields.
const PLACES: usize = 1024;

static TABLE: [Field; PLACES] = table();

const fn hash(library: &[u8], name: &[u8]) -> usize {
    let mut hash = library.len();
    let mut at = 0;
    while at < library.len() {
        hash = hash.wrapping_mul(31).wrapping_add(library[at] as usize);
        at += 1;
    }
    at = 0;
    while at < name.len() {
        hash = hash.wrapping_mul(31).wrapping_add(name[at] as usize);
        at += 1;
    }
    hash % PLACES
}

const fn table() -> [Field; PLACES] {
    let mut table = [FREE; PLACES];
    let mut library = 0;
    while library < LIBRARIES.len() {
        let fields = LIBRARIES[library];
        let mut place = 0;
        while place < fields.entries.len() + fields.constants.len() {
            let name = if place < fields.entries.len() {
                fields.entries[place].name
            } else {
                fields.constants[place - fields.entries.len()].0
            };
            let mut at = hash(fields.name.as_bytes(), name.as_bytes());
            while table[at].library != FREE.library {
                at = (at + 1) % PLACES;
            }
            table[at] = Field {
                library: library as u8,
                place: place as u8,
            };
            place += 1;
        }
        library += 1;
    }
    table
}

/// The number of a library, and the place of a field among its functions and then its constants.
pub fn find(library: &[u8], name: &[u8]) -> Option<(usize, usize)> {
    let mut at = hash(library, name);
    loop {
        let field = TABLE[at];
        let fields = LIBRARIES.get(usize::from(field.library))?;
        let place = usize::from(field.place);
        let known = match fields.entries.get(place) {
            Some(entry) => entry.name,
            None => fields.constants[place - fields.entries.len()].0,
        };
        if known.as_bytes() == name && fields.name.as_bytes() == library {
            return Some((usize::from(field.library), place));
        }
        at = (at + 1) % PLACES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_and_nothing_else() {
        for (number, library) in LIBRARIES.iter().enumerate() {
            let functions = library.entries.iter().map(|entry| entry.name);
            let names = functions.chain(library.constants.iter().map(|(name, _)| *name));
            for (place, name) in names.enumerate() {
                let found = find(library.name.as_bytes(), name.as_bytes());
                assert_eq!(found, Some((number, place)), "{}.{name}", library.name);
                assert_eq!(find(b"no", name.as_bytes()), None);
            }
        }
        assert_eq!(find(b"string", b"call"), None);
    }
}
