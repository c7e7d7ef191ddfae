//! LOLWUT: a piece of computer art, and the version. Ours is a petri dish in which colonies have
//! grown from a few cells until they met.

use super::{Call, REDIS_VERSION, SessionHandler};
use crate::commands::{Outcome, options};
use crate::resp::Args;

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[("lolwut", lolwut)];

/// The dish in characters of 2 by 4 dots, when nobody says otherwise.
const COLUMNS: usize = 40;
const ROWS: usize = 20;
const MOST_COLUMNS: i64 = 200;
const MOST_ROWS: i64 = 100;

/// LOLWUT [VERSION version [columns [rows [...]]]]
fn lolwut(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let version = match args.get(1) {
        Some(word) if word.eq_ignore_ascii_case(b"version") && args.len() > 2 => {
            options::integer(args.at(2))?
        }
        _ => 8,
    };
    // Redis's 5 takes three numbers, its 6 two; the other versions look at none.
    let taken = match version {
        5 => 3,
        6 => 2,
        8 => 0,
        _ => {
            let text = format!("Redis ver. {REDIS_VERSION}\n");
            call.reply.verbatim("txt", text.as_bytes());
            return Ok(());
        }
    };
    let mut numbers = Vec::with_capacity(taken);
    for word in args.from(3).iter().take(taken) {
        numbers.push(options::integer(word)?);
    }
    let size = |index: usize, most: i64, usual: usize| {
        numbers
            .get(index)
            .map_or(usual, |number| (*number).clamp(1, most) as usize)
    };
    let mut dish = Dish::new(size(0, MOST_COLUMNS, COLUMNS), size(1, MOST_ROWS, ROWS));
    let colonies = dish.grow(&mut call.server.rng);
    let end = if version == 8 { "\n\n" } else { "\n" };
    let text = format!(
        "{}\nA dish of {colonies} colonies, none like any other. Redis ver. {REDIS_VERSION}{end}",
        dish.drawn()
    );
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dot {
    Outside,
    Rim,
    Empty,
    /// Which colony it belongs to, and whether it shows: a colony has rings, as it grew by day and
    /// by night.
    Colony {
        number: usize,
        shown: bool,
    },
}

struct Dish {
    columns: usize,
    width: usize,
    height: usize,
    dots: Vec<Dot>,
}

impl Dish {
    fn new(columns: usize, rows: usize) -> Self {
        let (width, height) = (2 * columns, 4 * rows);
        let (across, down) = (width as f64 / 2.0, height as f64 / 2.0);
        let within = |x: usize, y: usize, margin: f64| {
            let (dx, dy) = (x as f64 + 0.5 - across, y as f64 + 0.5 - down);
            let (rx, ry) = (across - margin, down - margin);
            rx > 0.0 && ry > 0.0 && (dx / rx).powi(2) + (dy / ry).powi(2) <= 1.0
        };
        let dots = (0..width * height)
            .map(|at| match (at % width, at / width) {
                (x, y) if within(x, y, 3.0) => Dot::Empty,
                (x, y) if within(x, y, 0.0) && !within(x, y, 1.0) => Dot::Rim,
                _ => Dot::Outside,
            })
            .collect();
        Dish {
            columns,
            width,
            height,
            dots,
        }
    }

    /// Lets colonies grow and says how many there are.
    fn grow(&mut self, rng: &mut fastrand::Rng) -> usize {
        let colonies = rng.usize(3..8);
        let agar: Vec<usize> = (0..self.dots.len())
            .filter(|at| self.dots[*at] == Dot::Empty)
            .collect();
        if agar.is_empty() {
            return 0;
        }
        let cells: Vec<usize> = (0..colonies)
            .map(|_| agar[rng.usize(..agar.len())])
            .collect();
        let mut sizes = vec![0u32; colonies];
        // Where some colony may grow next: a dot beside one that it has.
        let mut edge: Vec<(usize, usize)> = cells.iter().copied().zip(0..).collect();
        let mut food = agar.len() * 2 / 3;
        while food > 0 && !edge.is_empty() {
            let (at, number) = edge.swap_remove(rng.usize(..edge.len()));
            let neighbours = self.neighbours(at);
            let crowded = neighbours.iter().any(|beside| {
                matches!(self.dots[*beside], Dot::Colony { number: other, .. } if other != number)
            });
            if self.dots[at] != Dot::Empty || crowded {
                continue;
            }
            let ring = self.distance(cells[number], at) / 3;
            self.dots[at] = Dot::Colony {
                number,
                shown: ring.is_multiple_of(2),
            };
            sizes[number] += 1;
            food -= 1;
            edge.extend(neighbours.into_iter().map(|beside| (beside, number)));
        }
        sizes.iter().filter(|size| **size > 0).count()
    }

    fn distance(&self, one: usize, other: usize) -> u32 {
        let dx = (one % self.width).abs_diff(other % self.width);
        let dy = (one / self.width).abs_diff(other / self.width);
        ((dx * dx + dy * dy) as f64).sqrt() as u32
    }

    fn neighbours(&self, at: usize) -> Vec<usize> {
        let (x, y) = (at % self.width, at / self.width);
        let mut beside = Vec::with_capacity(4);
        if x > 0 {
            beside.push(at - 1);
        }
        if x + 1 < self.width {
            beside.push(at + 1);
        }
        if y > 0 {
            beside.push(at - self.width);
        }
        if y + 1 < self.height {
            beside.push(at + self.width);
        }
        beside
    }

    fn drawn(&self) -> String {
        // The bits of a Braille character, by column and row of its dots.
        const BITS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let mut text = String::new();
        for row in 0..self.height / 4 {
            for column in 0..self.columns {
                let mut bits = 0;
                for (dx, column_bits) in BITS.iter().enumerate() {
                    for (dy, bit) in column_bits.iter().enumerate() {
                        let at = (4 * row + dy) * self.width + 2 * column + dx;
                        if matches!(self.dots[at], Dot::Rim | Dot::Colony { shown: true, .. }) {
                            bits |= bit;
                        }
                    }
                }
                text.push(char::from_u32(0x2800 + bits).unwrap_or(' '));
            }
            text.push('\n');
        }
        text
    }
}
