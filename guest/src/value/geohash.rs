//! Places on the earth as numbers of 52 bits, which are the scores of a geo set: the bits of latitude
//! and longitude in turn, so that what is near lies in few ranges of scores. Owns those numbers, the
//! cells they name, and which cells cover a shape; distances are `sphere`'s. Knows no set.
//!
//! Computes step by step as Redis does: every digit shows.

mod sphere;

pub use sphere::distance_m;

use std::ops::Bound;

use super::sorted_set::ScoreRange;

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// From -180 to 180, to the east.
    pub longitude: f64,
    /// From -85.05112878 to 85.05112878, to the north.
    pub latitude: f64,
}

const MOST_LONGITUDE: f64 = 180.0;
/// Where a Mercator map of the world is a square.
const MOST_LATITUDE: f64 = 85.051_128_78;
/// Bits of each coordinate.
const STEPS: u32 = 26;

/// How far coordinates go in either direction: what a cell's bits are fractions of.
#[derive(Clone, Copy)]
struct Extent {
    longitude: f64,
    latitude: f64,
}

impl Extent {
    const MERCATOR: Extent = Extent {
        longitude: MOST_LONGITUDE,
        latitude: MOST_LATITUDE,
    };
    /// Of the geohashes that others understand too.
    const STANDARD: Extent = Extent {
        longitude: 180.0,
        latitude: 90.0,
    };
}

impl Place {
    /// True if there is such a place on the map.
    pub fn is_valid(&self) -> bool {
        (-MOST_LONGITUDE..=MOST_LONGITUDE).contains(&self.longitude)
            && (-MOST_LATITUDE..=MOST_LATITUDE).contains(&self.latitude)
    }

    /// The score of a member that is here.
    pub fn to_score(self) -> f64 {
        Cell::around(self, STEPS, Extent::MERCATOR).bits() as f64
    }

    /// Where a member with this score is: in the middle of its cell. Any score is somewhere.
    pub fn from_score(score: f64) -> Self {
        let area = Cell::from_bits(as_u64(score)).area();
        let clamp = |middle: f64, most: f64| middle.clamp(-most, most);
        Place {
            longitude: clamp((area.west + area.east) / 2.0, MOST_LONGITUDE),
            latitude: clamp((area.south + area.north) / 2.0, MOST_LATITUDE),
        }
    }

    /// The geohash as the world writes it. Of its 11 characters the last says nothing.
    pub fn geohash(self) -> [u8; 11] {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::around(self, STEPS, Extent::STANDARD).bits();
        let mut text = [b'0'; 11];
        for (at, character) in text.iter_mut().take(10).enumerate() {
            *character = ALPHABET[(bits >> (52 - 5 * (at + 1)) & 0x1f) as usize];
        }
        text
    }
}

/// Makes an unsigned number of a double as x86 does, where C says nothing.
fn as_u64(number: f64) -> u64 {
    const TOP: f64 = (1_u64 << 63) as f64;
    let as_i64 = |number: f64| {
        if (-TOP..TOP).contains(&number) {
            number as i64
        } else {
            i64::MIN
        }
    };
    if number < TOP {
        as_i64(number) as u64
    } else {
        as_i64(number - TOP) as u64 ^ (1 << 63)
    }
}

// ---- cells -------------------------------------------------------------------------------------

/// One of the rectangles that the map is cut into, the finer the more steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Which column from the west. At the edge of the map it may be one more than there are.
    column: u32,
    /// Which row from the south.
    row: u32,
    steps: u32,
}

/// The borders of a cell, in degrees.
struct Area {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl Cell {
    fn around(place: Place, steps: u32, extent: Extent) -> Self {
        let part = |coordinate: f64, most: f64| {
            let part = (coordinate + most) / (most + most);
            (part * (1_u64 << steps) as f64) as u32
        };
        Cell {
            column: part(place.longitude, extent.longitude),
            row: part(place.latitude, extent.latitude),
            steps,
        }
    }

    /// The finest cell with these bits.
    fn from_bits(bits: u64) -> Self {
        Cell {
            column: every_second_bit(bits >> 1),
            row: every_second_bit(bits),
            steps: STEPS,
        }
    }

    fn bits(&self) -> u64 {
        with_gaps(self.row) | with_gaps(self.column) << 1
    }

    fn area(&self) -> Area {
        let border = |number: u32, most: f64| {
            -most + (f64::from(number) / (1_u64 << self.steps) as f64) * (most + most)
        };
        Area {
            west: border(self.column, MOST_LONGITUDE),
            east: border(self.column.wrapping_add(1), MOST_LONGITUDE),
            south: border(self.row, MOST_LATITUDE),
            north: border(self.row.wrapping_add(1), MOST_LATITUDE),
        }
    }

    /// The cell so many columns to the east and rows to the north, around the edge of the map if need
    /// be.
    fn beside(&self, columns: i32, rows: i32) -> Self {
        let moved = |number: u32, by: i32| match by {
            0 => number,
            by => number.wrapping_add_signed(by) & ((1 << self.steps) - 1),
        };
        Cell {
            column: moved(self.column, columns),
            row: moved(self.row, rows),
            steps: self.steps,
        }
    }

    /// The scores of what is in the cell.
    pub fn scores(&self) -> ScoreRange {
        let finer = 2 * (STEPS - self.steps);
        ScoreRange {
            min: Bound::Included((self.bits() << finer) as f64),
            max: Bound::Excluded(((self.bits() + 1) << finer) as f64),
        }
    }
}

/// Puts a zero before each bit.
fn with_gaps(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// The opposite of [`with_gaps`]: leaves out every other bit.
fn every_second_bit(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

// ---- shapes ------------------------------------------------------------------------------------

/// The form of a shape, in the unit that it was given in.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// All within this radius.
    Circle(f64),
    /// All no further than half of these to the east or west, and to the north or south.
    Box {
        /// From west to east.
        width: f64,
        /// From south to north.
        height: f64,
    },
}

/// A part of the earth's surface.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its middle.
    pub center: Place,
    /// What it looks like.
    pub form: Form,
    /// How many metres the unit is.
    pub unit_m: f64,
}

impl Shape {
    /// How far from the centre a place is, in metres, if it is inside.
    pub fn distance_if_inside_m(&self, place: Place) -> Option<f64> {
        match self.form {
            Form::Circle(radius) => {
                let distance = distance_m(self.center, place);
                // What is no number is not greater.
                let outside = distance > radius * self.unit_m;
                (!outside).then_some(distance)
            }
            Form::Box { width, height } => {
                let (from, to) = (place, self.center);
                if sphere::distance_of_latitudes_m(from.latitude, to.latitude)
                    > height * self.unit_m / 2.0
                {
                    return None;
                }
                let same_latitude = Place {
                    longitude: to.longitude,
                    latitude: from.latitude,
                };
                if distance_m(from, same_latitude) > width * self.unit_m / 2.0 {
                    return None;
                }
                Some(distance_m(to, from))
            }
        }
    }

    /// The cells that cover it: that of the centre and those around it that are needed, in the order
    /// in which they are searched.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + use<> {
        let bounds = self.bounds();
        let mut steps = self.steps();
        let mut cell = Cell::around(self.center, steps, Extent::MERCATOR);
        let too_fine = cell.beside(0, 1).area().north < bounds.north
            || cell.beside(0, -1).area().south > bounds.south
            || cell.beside(1, 0).area().east < bounds.east
            || cell.beside(-1, 0).area().west > bounds.west;
        if steps > 1 && too_fine {
            steps -= 1;
            cell = Cell::around(self.center, steps, Extent::MERCATOR);
        }
        let area = cell.area();
        let spares = move |condition: bool| steps >= 2 && condition;
        let south = spares(area.south < bounds.south);
        let north = spares(area.north > bounds.north);
        let west = spares(area.west < bounds.west);
        let east = spares(area.east > bounds.east);
        let around = [
            (0, 0),
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (-1, 1),
            (1, -1),
            (-1, -1),
        ];
        let mut last: Option<Cell> = None;
        around
            .into_iter()
            .filter(move |(columns, rows)| {
                let spared = *rows == -1 && south
                    || *rows == 1 && north
                    || *columns == -1 && west
                    || *columns == 1 && east;
                !spared
            })
            .filter_map(move |(columns, rows)| {
                // On a coarse map there is one cell on both sides. Redis does not compare with the
                // one of the centre.
                let beside = cell.beside(columns, rows);
                if last == Some(beside) {
                    return None;
                }
                if (columns, rows) != (0, 0) {
                    last = Some(beside);
                }
                Some(beside)
            })
    }

    /// How fine the map may be for a cell and those around it to cover the shape, more or less.
    fn steps(&self) -> u32 {
        const MOST_M: f64 = 20_037_726.37;
        let radius = match self.form {
            Form::Circle(radius) => radius,
            Form::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        let mut range_m = radius * self.unit_m;
        if range_m == 0.0 {
            return STEPS;
        }
        let mut steps = 1;
        while range_m < MOST_M {
            range_m *= 2.0;
            steps += 1;
        }
        steps -= 2;
        // Towards the poles cells are narrower.
        let latitude = self.center.latitude.abs();
        steps -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        steps.clamp(1, STEPS as i32) as u32
    }

    /// A rectangle on the map that the shape is in.
    fn bounds(&self) -> Area {
        let (width, height) = match self.form {
            Form::Circle(radius) => (radius, radius),
            Form::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let (width_m, height_m) = (self.unit_m * width, self.unit_m * height);
        let Place {
            longitude,
            latitude,
        } = self.center;
        let rows = sphere::degrees(height_m / sphere::RADIUS_M);
        // At the border that is nearer to a pole, and the meridians to each other.
        let nearer = if latitude < 0.0 {
            latitude - rows
        } else {
            latitude + rows
        };
        let columns =
            sphere::degrees(width_m / sphere::RADIUS_M / libm::cos(sphere::radians(nearer)));
        Area {
            west: longitude - columns,
            east: longitude + columns,
            south: latitude - rows,
            north: latitude + rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_from_between_gaps() {
        let mut rng = fastrand::Rng::with_seed(6);
        for _ in 0..1000 {
            let number = rng.u32(..);
            assert_eq!(every_second_bit(with_gaps(number)), number);
            assert_eq!(with_gaps(number) & 0xaaaa_aaaa_aaaa_aaaa, 0);
        }
    }

    /// As Redis 8.0.2 answers GEOADD, ZSCORE, GEOPOS and GEOHASH.
    #[test]
    fn places_are_scores() {
        let palermo = Place {
            longitude: 13.361389,
            latitude: 38.115556,
        };
        let score = palermo.to_score();
        assert_eq!(score, 3_479_099_956_230_698.0);
        let stored = Place::from_score(score);
        assert_eq!(stored.longitude, 13.361389338970184);
        assert_eq!(stored.latitude, 38.1155563954963);
        assert_eq!(&stored.geohash(), b"sqc8b49rny0");
    }

    #[test]
    fn every_score_is_somewhere() {
        for score in [
            -1.0,
            1e300,
            f64::INFINITY,
            f64::NEG_INFINITY,
            18_446_744_073_709_551_616.0,
            9.5e18,
        ] {
            assert!(Place::from_score(score).is_valid(), "{score}");
        }
        assert_eq!(as_u64(-1.0), u64::MAX);
        assert_eq!(as_u64(f64::NEG_INFINITY), 1 << 63);
        assert_eq!(as_u64(f64::INFINITY), 0);
        assert_eq!(as_u64(9.5e18), 9_500_000_000_000_000_000);
    }

    /// No place inside a shape is outside of its cells, but near the poles and the antimeridian,
    /// where Redis misses some too.
    #[test]
    fn cells_cover_their_shape() {
        let mut rng = fastrand::Rng::with_seed(12);
        let mut inside = 0;
        for _ in 0..3000 {
            let center = Place {
                longitude: (rng.f64() - 0.5) * 240.0,
                latitude: (rng.f64() - 0.5) * 120.0,
            };
            let size = 10_f64.powf(rng.f64() * 5.0);
            let form = if rng.bool() {
                Form::Circle(size)
            } else {
                Form::Box {
                    width: size,
                    height: size * rng.f64(),
                }
            };
            let shape = Shape {
                center,
                form,
                unit_m: 1.0,
            };
            for _ in 0..20 {
                let spread = size / 50_000.0;
                let place = Place {
                    longitude: center.longitude + (rng.f64() - 0.5) * spread,
                    latitude: center.latitude + (rng.f64() - 0.5) * spread,
                };
                if shape.distance_if_inside_m(place).is_some() {
                    inside += 1;
                    let score = place.to_score();
                    let covered = shape.cells().any(|cell| {
                        let scores = cell.scores();
                        scores.reaches(score) && scores.within_max(score)
                    });
                    assert!(covered, "{place:?} in {shape:?}");
                }
            }
        }
        assert!(inside > 10_000);
    }
}
