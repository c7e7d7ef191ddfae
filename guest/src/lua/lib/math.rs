//! `math`. Functions of two numbers look at the second first, as the real ones, compiled, do.

use super::{Constant, Library, entry};
use crate::lua::call::{Call, Outcome};
use crate::lua::kinds::Kinds;
use crate::lua::number::to_int;
use crate::lua::random::{self, Random};

/// The library.
pub const LIBRARY: Library = Library {
    name: "math",
    entries: &[
        entry("abs", abs, Kinds::NUMBER),
        entry("acos", acos, Kinds::NUMBER),
        entry("asin", asin, Kinds::NUMBER),
        entry("atan2", atan2, Kinds::NUMBER),
        entry("atan", atan, Kinds::NUMBER),
        entry("ceil", ceil, Kinds::NUMBER),
        entry("cosh", cosh, Kinds::NUMBER),
        entry("cos", cos, Kinds::NUMBER),
        entry("deg", deg, Kinds::NUMBER),
        entry("exp", exp, Kinds::NUMBER),
        entry("floor", floor, Kinds::NUMBER),
        entry("fmod", fmod, Kinds::NUMBER),
        entry("frexp", frexp, Kinds::NUMBER),
        entry("ldexp", ldexp, Kinds::NUMBER),
        entry("log10", log10, Kinds::NUMBER),
        entry("log", log, Kinds::NUMBER),
        entry("max", max, Kinds::NUMBER),
        entry("min", min, Kinds::NUMBER),
        entry("modf", modf, Kinds::NUMBER),
        entry("pow", pow, Kinds::NUMBER),
        entry("rad", rad, Kinds::NUMBER),
        entry("random", random, Kinds::NUMBER),
        entry("randomseed", randomseed, Kinds::NIL),
        entry("sinh", sinh, Kinds::NUMBER),
        entry("sin", sin, Kinds::NUMBER),
        entry("sqrt", sqrt, Kinds::NUMBER),
        entry("tanh", tanh, Kinds::NUMBER),
        entry("tan", tan, Kinds::NUMBER),
    ],
    constants: &[
        ("pi", Constant::Number(std::f64::consts::PI)),
        ("huge", Constant::Number(f64::INFINITY)),
        ("mod", Constant::Alias("fmod")),
    ],
    size: 28,
    order: &[],
};

macro_rules! of_one_number {
    ($($(#[$doc:meta])* $name:ident = $function:expr;)*) => {
        $($(#[$doc])*
        fn $name<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
            let function: fn(f64) -> f64 = $function;
            let number = call.check_number(0)?;
            call.number(function(number))
        })*
    };
}

of_one_number! {
    /// math.abs(x)
    abs = f64::abs;
    /// math.acos(x)
    acos = f64::acos;
    /// math.asin(x)
    asin = f64::asin;
    /// math.atan(x)
    atan = f64::atan;
    /// math.ceil(x)
    ceil = f64::ceil;
    /// math.cosh(x)
    cosh = f64::cosh;
    /// math.cos(x)
    cos = f64::cos;
    /// math.deg(x)
    deg = |x| x / (std::f64::consts::PI / 180.0);
    /// math.exp(x)
    exp = f64::exp;
    /// math.floor(x)
    floor = f64::floor;
    /// math.log10(x)
    log10 = f64::log10;
    /// math.log(x)
    log = f64::ln;
    /// math.rad(x)
    rad = |x| x * (std::f64::consts::PI / 180.0);
    /// math.sinh(x)
    sinh = f64::sinh;
    /// math.sin(x)
    sin = f64::sin;
    /// math.sqrt(x)
    sqrt = f64::sqrt;
    /// math.tanh(x)
    tanh = f64::tanh;
    /// math.tan(x)
    tan = f64::tan;
}

/// math.atan2(y, x)
fn atan2<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (x, y) = (call.check_number(1)?, call.check_number(0)?);
    call.number(y.atan2(x))
}

/// math.fmod(x, y)
fn fmod<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (y, x) = (call.check_number(1)?, call.check_number(0)?);
    call.number(x % y)
}

/// math.pow(x, y)
fn pow<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (y, x) = (call.check_number(1)?, call.check_number(0)?);
    call.number(x.powf(y))
}

/// math.frexp(x): a number below 1, and a power of two.
fn frexp<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (fraction, exponent) = split(call.check_number(0)?);
    call.many([fraction, f64::from(exponent)].map(Into::into))
}

/// C's `frexp`.
pub fn split(number: f64) -> (f64, i32) {
    if number == 0.0 || !number.is_finite() {
        return (number, 0);
    }
    let bits = number.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    if exponent == 0 {
        // Too small to have its full precision: look at a larger one.
        let (fraction, exponent) = split(number * 2f64.powi(54));
        return (fraction, exponent - 54);
    }
    let fraction = f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52);
    (fraction, exponent - 1022)
}

/// math.ldexp(m, e)
fn ldexp<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let mut exponent = call.check_int(1)?.clamp(-4000, 4000);
    let mut number = call.check_number(0)?;
    while exponent != 0 {
        let step = exponent.clamp(-1000, 1000);
        number *= 2f64.powi(step);
        exponent -= step;
    }
    call.number(number)
}

fn extreme<'gc>(call: &mut Call<'gc, '_>, better: fn(f64, f64) -> bool) -> Outcome<'gc> {
    let mut best = call.check_number(0)?;
    for index in 1..call.count() {
        let number = call.check_number(index)?;
        if better(number, best) {
            best = number;
        }
    }
    call.number(best)
}

/// math.max(x, ...)
fn max<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    extreme(call, |number, best| number > best)
}

/// math.min(x, ...)
fn min<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    extreme(call, |number, best| number < best)
}

/// math.modf(x): what is before the point, and what is after.
fn modf<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let number = call.check_number(0)?;
    let whole = number.trunc();
    let fraction = if number.is_infinite() {
        0f64.copysign(number)
    } else {
        (number - whole).copysign(number)
    };
    call.many([whole, fraction].map(Into::into))
}

/// math.random([[least,] most])
fn random<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let drawn = call.state.shared().random.borrow_mut().draw() % random::MAX;
    let part = f64::from(drawn) / f64::from(random::MAX);
    match call.count() {
        0 => call.number(part),
        1 => {
            let most = call.check_int(0)?;
            if most < 1 {
                return Err(call.arg_error(0, "interval is empty"));
            }
            call.number((part * f64::from(most)).floor() + 1.0)
        }
        2 => {
            let (least, most) = (call.check_int(0)?, call.check_int(1)?);
            if least > most {
                return Err(call.arg_error(1, "interval is empty"));
            }
            let width = most.wrapping_sub(least).wrapping_add(1);
            call.number((part * f64::from(width)).floor() + f64::from(least))
        }
        _ => Err(call.error("wrong number of arguments")),
    }
}

/// math.randomseed(seed)
fn randomseed<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let seed = to_int(call.check_number(0)?);
    *call.state.shared().random.borrow_mut() = Random::new(seed);
    call.none()
}
