//! Distances on a sphere of the earth's size. Owns the sines and cosines that takes: rounded as well
//! as never to differ from one machine to the next, and hardly ever from the C library that Redis
//! calls. A distance that is stored shows its last digit.
//!
//! Numbers are kept in two parts, a double and what it lacks. A sine is looked up at the next 64th and
//! brought to where it is wanted by a short series.

use super::Place;

/// Of the sphere, in metres.
pub const RADIUS_M: f64 = 6_372_797.560856;

/// As an angle.
pub fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

/// As degrees.
pub fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}

/// The distance of two places by the haversine formula. Should it round to the sine of more than a
/// quarter of a turn, on opposite sides of the earth, it is no number; no such two places are known.
pub fn distance_m(one: Place, other: Place) -> f64 {
    let half_east = sin((radians(other.longitude) - radians(one.longitude)) / 2.0);
    if half_east == 0.0 {
        return distance_of_latitudes_m(one.latitude, other.latitude);
    }
    let (one, other) = (radians(one.latitude), radians(other.latitude));
    let half_north = sin((other - one) / 2.0);
    let haversine = half_north * half_north + cos(one) * cos(other) * half_east * half_east;
    2.0 * RADIUS_M * asin(haversine.sqrt())
}

/// The distance of two places on one meridian.
pub fn distance_of_latitudes_m(one: f64, other: f64) -> f64 {
    RADIUS_M * (radians(other) - radians(one)).abs()
}

// ---- numbers in two parts ----------------------------------------------------------------------

/// A number of about 100 bits: the sum of two doubles.
#[derive(Clone, Copy)]
struct Pair {
    high: f64,
    low: f64,
}

impl Pair {
    const fn of(high: f64) -> Self {
        Pair { high, low: 0.0 }
    }

    /// A sum, and what it lost.
    const fn sum(one: f64, other: f64) -> Self {
        let high = one + other;
        let part = high - one;
        let low = (one - (high - part)) + (other - part);
        Pair { high, low }
    }

    /// A product, and what it lost.
    const fn product(one: f64, other: f64) -> Self {
        // Halves of which every product is exact.
        const fn halves(number: f64) -> (f64, f64) {
            let scaled = number * ((1 << 27) + 1) as f64;
            let upper = scaled - (scaled - number);
            (upper, number - upper)
        }
        let high = one * other;
        let ((a, b), (c, d)) = (halves(one), halves(other));
        let low = ((a * c - high) + a * d + b * c) + b * d;
        Pair { high, low }
    }

    const fn plus(self, other: Pair) -> Pair {
        let sum = Pair::sum(self.high, other.high);
        let low = Pair::sum(self.low, other.low);
        let first = Pair::sum(sum.high, sum.low + low.high);
        Pair::sum(first.high, first.low + low.low)
    }

    const fn times(self, other: Pair) -> Pair {
        let product = Pair::product(self.high, other.high);
        let low = product.low + (self.high * other.low + self.low * other.high);
        Pair::sum(product.high, low)
    }

    const fn over(self, divisor: f64) -> Pair {
        let high = self.high / divisor;
        let back = Pair::product(high, divisor);
        let rest = ((self.high - back.high) - back.low) + self.low;
        Pair::sum(high, rest / divisor)
    }

    const fn negated(self) -> Pair {
        Pair {
            high: -self.high,
            low: -self.low,
        }
    }

    fn rounded(self) -> f64 {
        self.high + self.low
    }
}

/// Half a turn and a quarter of one.
const PI: Pair = Pair {
    high: std::f64::consts::PI,
    low: 1.224_646_799_147_353_2e-16,
};
const QUARTER: Pair = Pair {
    high: PI.high / 2.0,
    low: PI.low / 2.0,
};

// ---- sine and cosine ---------------------------------------------------------------------------

/// Angles in the table: 0/64 to 101/64, which is beyond a quarter of a turn.
const ANGLES: usize = 102;
const ANGLES_IN_1: f64 = 64.0;

#[derive(Clone, Copy)]
struct Known {
    sine: Pair,
    cosine: Pair,
}

static TABLE: [Known; ANGLES] = table();

const fn table() -> [Known; ANGLES] {
    const NONE: Known = Known {
        sine: Pair::of(0.0),
        cosine: Pair::of(0.0),
    };
    let mut table = [NONE; ANGLES];
    let mut at = 0;
    while at < ANGLES {
        let angle = Pair::of(at as f64 / ANGLES_IN_1);
        let square = angle.times(angle);
        table[at] = Known {
            sine: series(angle, square, 1),
            cosine: series(Pair::of(1.0), square, 0),
        };
        at += 1;
    }
    table
}

/// `first` - `first` x²/((n+1)(n+2)) + …
const fn series(first: Pair, square: Pair, mut n: u32) -> Pair {
    let (mut sum, mut term) = (first, first);
    while term.high > 1e-35 || term.high < -1e-35 {
        let divisor = ((n + 1) * (n + 2)) as f64;
        term = term.times(square).over(divisor).negated();
        sum = sum.plus(term);
        n += 2;
    }
    sum
}

/// The table's angle next to one between 0 and a quarter of a turn, and how far that is behind it.
fn nearest(angle: Pair) -> (&'static Known, f64, f64) {
    let at = (angle.high * ANGLES_IN_1).round_ties_even();
    let rest = angle.high - at / ANGLES_IN_1;
    (&TABLE[(at as usize).min(ANGLES - 1)], rest, angle.low)
}

/// What sine and cosine of a small angle are beyond the angle and 1.
fn small(angle: f64) -> (f64, f64) {
    let square = angle * angle;
    let sine = angle
        * square
        * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square / 362_880.0)));
    let cosine =
        square * (-0.5 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square / 40_320.0)));
    (sine, cosine)
}

/// sin(known + rest) = sin known cos rest + cos known sin rest, of an angle between 0 and a quarter
/// of a turn.
fn sine_of(angle: Pair) -> Pair {
    let (known, rest, low) = nearest(angle);
    let (sine, cosine) = small(rest);
    let turned = Pair::product(known.cosine.high, rest);
    let sum = Pair::sum(known.sine.high, turned.high);
    let small_parts = known.sine.low
        + turned.low
        + known.cosine.low * rest
        + known.cosine.high * (sine + low)
        + known.sine.high * (cosine - rest * low);
    Pair::sum(sum.high, sum.low + small_parts)
}

/// The sine of an angle of half a turn at most, in either direction.
fn sin(angle: f64) -> f64 {
    let size = angle.abs();
    let within_quarter = if size <= QUARTER.high {
        Pair::of(size)
    } else {
        let rest = Pair::sum(PI.high, -size);
        Pair::sum(rest.high, rest.low + PI.low)
    };
    sine_of(within_quarter).rounded().copysign(angle)
}

/// The cosine of an angle of less than a quarter of a turn, in either direction.
fn cos(angle: f64) -> f64 {
    let (known, rest, _) = nearest(Pair::of(angle.abs()));
    let (sine, cosine) = small(rest);
    let turned = Pair::product(known.sine.high, -rest);
    let sum = Pair::sum(known.cosine.high, turned.high);
    let small_parts =
        known.cosine.low + turned.low - known.sine.low * rest - known.sine.high * sine
            + known.cosine.high * cosine;
    sum.high + (sum.low + small_parts)
}

/// The angle of which a number not below 0 is the sine; no number beyond 1.
fn asin(sine: f64) -> f64 {
    if sine <= 0.5 {
        return angle_of(Pair::of(sine)).rounded();
    }
    if sine == 1.0 {
        return QUARTER.high;
    }
    // asin x = a quarter of a turn - 2 asin √((1 - x)/2), which is as exact as a small angle is.
    let half = (1.0 - sine) / 2.0;
    let root = half.sqrt();
    let square = Pair::product(root, root);
    let lacking = ((half - square.high) - square.low) / (2.0 * root);
    let angle = angle_of(Pair {
        high: root,
        low: lacking,
    });
    let rest = Pair {
        high: -2.0 * angle.high,
        low: -2.0 * angle.low,
    };
    QUARTER.plus(rest).rounded()
}

/// The angle whose sine is up to about a half: a good guess, and what its sine lacks.
fn angle_of(sine: Pair) -> Pair {
    let guess = libm::asin(sine.high);
    let known = sine_of(Pair::of(guess));
    let lacking = ((sine.high - known.high) - known.low) + sine.low;
    Pair::sum(guess, lacking / cos(guess))
}
