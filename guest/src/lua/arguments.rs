//! KEYS and ARGV, as far as compiled code need not make tables of them: what a script reads at a fixed
//! place is put into a cell before it begins, as a string or, for `tonumber(ARGV[1])`, as a number.

use super::lib;

/// Places of a list that have cells.
const PLACES: usize = 8;

/// How many cells there are.
pub const CELLS: usize = 2 * 2 * PLACES;

/// A list of what a script is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `KEYS`
    Keys,
    /// `ARGV`
    Argv,
}

impl List {
    /// The list of that name.
    pub fn named(name: &[u8]) -> Option<List> {
        match name {
            b"KEYS" => Some(List::Keys),
            b"ARGV" => Some(List::Argv),
            _ => None,
        }
    }

    /// The cell that holds the whole list, as a table.
    pub fn cell(self) -> usize {
        match self {
            List::Keys => lib::keys_cell(),
            List::Argv => lib::argv_cell(),
        }
    }
}

/// One argument, in a cell of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Where it stands.
    pub list: List,
    /// Its place there, counted from 0.
    pub place: usize,
    /// What `tonumber` makes of it.
    pub as_number: bool,
}

impl Argument {
    /// What stands at `index`, counted from 1, if it has a cell.
    pub fn at(list: List, index: f64) -> Option<Argument> {
        let is_there = (1.0..=PLACES as f64).contains(&index) && index.fract() == 0.0;
        is_there.then(|| Argument {
            list,
            place: index as usize - 1,
            as_number: false,
        })
    }

    /// Its cell.
    pub fn cell(self) -> usize {
        let of_list = self.list as usize * PLACES + self.place;
        lib::argument_cells() + of_list * 2 + usize::from(self.as_number)
    }

    /// The argument that a cell is for.
    pub fn of(cell: usize) -> Option<Argument> {
        let at = cell.checked_sub(lib::argument_cells())?;
        (at < CELLS).then_some(Argument {
            list: if at / 2 < PLACES {
                List::Keys
            } else {
                List::Argv
            },
            place: at / 2 % PLACES,
            as_number: at % 2 == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_that_of_one_argument() {
        let first = lib::argument_cells();
        for cell in first..first + CELLS {
            assert_eq!(Argument::of(cell).map(Argument::cell), Some(cell));
        }
        assert_eq!(Argument::of(first - 1), None);
        assert_eq!(Argument::of(first + CELLS), None);
        assert_eq!(Argument::at(List::Keys, 1.5), None);
        assert_eq!(Argument::at(List::Keys, PLACES as f64 + 1.0), None);
    }
}
