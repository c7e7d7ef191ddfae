//! How long the calls of a command took, as Redis keeps it: values of nanoseconds with two digits that
//! count, between 1 and a thousand million. Redis has a place for each of 3072 classes of values; here
//! there are places only for those that occurred. Knows no command.

/// What is shorter or longer counts as this.
const SHORTEST_NS: u64 = 1;
const LONGEST_NS: u64 = 1_000_000_000;

/// Values below are told apart one by one; beyond, each power of two has half as many classes.
const EXACT: u64 = 256;

/// The first level of a distribution; each of those that follow is twice as high.
const FIRST_LEVEL_NS: u64 = 1024;

/// Beyond all classes: what a distribution that ends there says.
const END_NS: u64 = 1 << 30;

/// How wide the class of a value is.
fn width(value: u64) -> u64 {
    match (value / EXACT).checked_ilog2() {
        None => 1,
        Some(power) => 2 << power,
    }
}

/// Classes of values that occurred, the lowest first, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(Vec<(u64, u64)>);

impl Histogram {
    /// Adds `calls` calls that took so long.
    pub fn record(&mut self, duration_us: u64, calls: u64) {
        let ns = duration_us
            .saturating_mul(1000)
            .clamp(SHORTEST_NS, LONGEST_NS);
        let lowest = ns - ns % width(ns);
        match self.0.binary_search_by_key(&lowest, |(class, _)| *class) {
            Ok(at) => self.0[at].1 += calls,
            Err(at) => self.0.insert(at, (lowest, calls)),
        }
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.0.iter().map(|(_, calls)| calls).sum()
    }

    /// How long, in nanoseconds, that percentage of the calls took at most; the fastest, for 0.
    pub fn at_percentile(&self, percentile: f64) -> u64 {
        let calls = percentile.min(100.0) / 100.0 * self.calls() as f64 + 0.5;
        let calls = (calls as u64).max(1);
        let mut seen = 0;
        for (lowest, count) in &self.0 {
            seen += count;
            if seen >= calls {
                return if percentile == 0.0 {
                    *lowest
                } else {
                    lowest + width(*lowest) - 1
                };
            }
        }
        0
    }

    /// Levels in microseconds, and how many calls took at most so long; levels that bring nothing new
    /// are left out.
    pub fn distribution(&self) -> Vec<(u64, u64)> {
        let mut levels: Vec<(u64, u64)> = Vec::new();
        let mut seen = 0;
        for (lowest, count) in &self.0 {
            let level = lowest.next_power_of_two().max(FIRST_LEVEL_NS);
            // A level's own class still counts.
            let level_us = if level < END_NS {
                (level + width(level) - 1) / 1000
            } else {
                (END_NS - 1) / 1000
            };
            seen += count;
            match levels.last_mut() {
                Some(last) if last.0 == level_us => last.1 = seen,
                _ => levels.push((level_us, seen)),
            }
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Redis 8.0.2 answered after such calls.
    #[test]
    fn levels_and_percentiles_are_those_of_redis() {
        let mut histogram = Histogram::default();
        histogram.record(0, 2);
        assert_eq!(histogram.distribution(), [(1, 2)]);
        assert_eq!(histogram.at_percentile(50.0), 1);
        for us in [20_056, 50_100, 100_070, 3_000_000] {
            histogram.record(us, 1);
        }
        assert_eq!(
            histogram.distribution(),
            [
                (1, 2),
                (33_816, 3),
                (67_633, 4),
                (135_266, 5),
                (1_073_741, 6)
            ]
        );
        assert_eq!(histogram.calls(), 6);
        assert_eq!(histogram.at_percentile(100.0), 1_002_438_655);
        assert_eq!(histogram.at_percentile(0.0), 1);
        assert_eq!(histogram.at_percentile(66.0), 50_331_647);
    }

    #[test]
    fn classes_are_as_wide_as_two_digits_allow() {
        for (value, expected) in [
            (0, 1),
            (255, 1),
            (256, 2),
            (511, 2),
            (512, 4),
            (1 << 29, 1 << 22),
        ] {
            assert_eq!(width(value), expected, "{value}");
        }
    }
}
