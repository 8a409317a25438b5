//! Logarithm, exponential and power of f64, with the same bits on every machine.
//!
//! Those of the standard library are the C library's, which differ between systems and even between processors of one
//! system. Code that determines bytes of an artefact or a step of training uses these instead: only `+`, `-`, `*`, `/`
//! and moves of bits, each of which IEEE 754 defines to the last bit; nothing is fused.
//!
//! Method: reduction by a table (Tang 1989, 1990), then a short polynomial. Values that must not lose digits are a
//! *pair*, the unevaluated sum of two floats (Dekker 1971; Knuth 1998, section 4.2.2). The compiler computes the
//! tables, from series of pairs. A result that a float represents exactly, such as `pow(2.0, 10.0)`, is exact.
//!
//! * Dekker: A floating-point technique for extending the available precision. Numerische Mathematik 18, 1971.
//! * Knuth: The Art of Computer Programming, volume 2, third edition, 1998.
//! * Tang: Table-driven implementation of the exponential function in IEEE floating-point arithmetic. ACM TOMS 15, 1989.
//! * Tang: Table-driven implementation of the logarithm function in IEEE floating-point arithmetic. ACM TOMS 16, 1990.

/// The sum of two floats, of which the second is at most half a unit in the last place of the first.
#[derive(Clone, Copy, Debug)]
struct Pair(f64, f64);

/// ln 2.
const LN_2: Pair =
    Pair(f64::from_bits(0x3fe6_2e42_fefa_39ef), f64::from_bits(0x3c7a_bc9e_3b39_803f));
/// Its first 42 bits, so that products with exponents are exact, and the rest.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fefa_3800);
const LN_2_LOW: f64 = (LN_2.0 - LN_2_HIGH) + LN_2.1;
/// Parts of an octave, in both tables.
const PARTS: usize = 128;
/// The first 35 bits of ln 2 / 128, so that products with numbers of parts are exact, and the rest.
const PART_HIGH: f64 = f64::from_bits(LN_2.0.to_bits() & !0x3_ffff) / PARTS as f64;
const PART_LOW: f64 = ((LN_2.0 - PART_HIGH * PARTS as f64) + LN_2.1) / PARTS as f64;
/// The least argument of the table of logarithms, 0.6875: 1 is at the border of two parts.
const LEAST: u64 = 0x3fe6_0000_0000_0000;
/// The bits of a float below those that select its part of the octave.
const PART_SHIFT: u32 = 52 - PARTS.trailing_zeros();
/// Added to a whole number up to 2⁵¹, so that its bits become the last ones of the sum.
const WHOLE: f64 = 6_755_399_441_055_744.0;

/// Part of the octave → a c of few bits near the reciprocal of its middle, and −ln c.
static LOGARITHMS: [(f64, Pair); PARTS] = logarithms();
/// i → 2^(i / 128).
static POWERS: [Pair; PARTS] = powers();

/// ln x: −∞ at 0, NaN below. The error is at most 0.51 units in the last place.
#[must_use]
pub fn ln(x: f64) -> f64 {
    reduced(x).map_or_else(|special| special, |reduced| reduced.ln(0.0))
}

/// ln (1 + x), without loss of digits for small x. The error is at most 0.52 units in the last place.
#[must_use]
pub fn ln_1p(x: f64) -> f64 {
    if x.abs() < 1.0 / 128.0 {
        // Keeps the sign of 0.
        return if x == 0.0 { x } else { x + x * x * ln_tail(x) };
    }
    let Pair(sum, rest) = two_sum(1.0, x);
    reduced(sum).map_or_else(|special| special, |reduced| reduced.ln(rest / sum))
}

/// eˣ: ∞ above 709.78, 0 below −745.13. The error is at most 0.51 units in the last place, 0.76 if the result is
/// subnormal.
#[must_use]
pub fn exp(x: f64) -> f64 {
    exp_pair(Pair(x, 0.0))
}

/// x to the power y, with the special cases of C (Annex F): 1 if y is 0 or x is 1, NaN for an x below 0 unless y is
/// whole. The error is at most 0.51 units in the last place, 0.76 if the result is subnormal.
#[must_use]
pub fn pow(x: f64, y: f64) -> f64 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    let is_whole = |y: f64| y.trunc() == y;
    let has_root = x >= 0.0 || x == f64::NEG_INFINITY || is_whole(y);
    if x.is_nan() || y.is_nan() || !has_root {
        return f64::NAN;
    }
    let size = power_of_size(x.abs(), y);
    let is_odd = is_whole(y) && !is_whole(y / 2.0);
    if x.is_sign_negative() && is_odd { -size } else { size }
}

/// The power of an x that is not below 0.
fn power_of_size(x: f64, y: f64) -> f64 {
    // With a greater y even the floats next to 1 leave the range.
    const LARGEST: f64 = (1u64 << 63) as f64;
    let log = match reduced(x) {
        Ok(reduced) if y.abs() < LARGEST => reduced.ln_pair(),
        _ if x == 1.0 => return 1.0,
        _ if (x > 1.0) == (y > 0.0) => return f64::INFINITY,
        _ => return 0.0,
    };
    let Pair(high, low) = two_product(y, log.0);
    exp_pair(Pair(high, low + y * log.1))
}

/// x = 2ᵏ · (1 + r) / c.
struct Reduced {
    k: f64,
    /// Exact.
    r: Pair,
    /// −ln c.
    log: Pair,
}

/// Decomposes an argument of a logarithm; if it is not above 0 and finite, returns its logarithm at
/// once.
#[inline]
fn reduced(x: f64) -> Result<Reduced, f64> {
    let mut bits = x.to_bits();
    let mut exponent = 0.0;
    if !(f64::MIN_POSITIVE..f64::INFINITY).contains(&x) {
        if x.is_nan() || x < 0.0 {
            return Err(f64::NAN);
        }
        if x == 0.0 || x == f64::INFINITY {
            return Err(if x == 0.0 { f64::NEG_INFINITY } else { x });
        }
        bits = (x * power_of_two(54)).to_bits();
        exponent = -54.0;
    }
    let above = bits.wrapping_sub(LEAST);
    let (c, log) = LOGARITHMS[(above >> PART_SHIFT) as usize % PARTS];
    let k = (above as i64) >> 52;
    let z = f64::from_bits(bits.wrapping_sub((k as u64) << 52));
    // z · c − 1: c has ten bits, so the products of both halves of z are exact.
    let high = f64::from_bits(z.to_bits() & !0xffff_ffff);
    let r = two_sum(high * c - 1.0, (z - high) * c);
    Ok(Reduced { k: exponent + k as f64, r, log })
}

impl Reduced {
    /// The logarithm, with `rest` as a small part.
    #[inline]
    fn ln(self, rest: f64) -> f64 {
        let Self { k, r, log } = self;
        let Pair(sum, first) = two_sum(k * LN_2_HIGH, log.0);
        let Pair(sum, second) = two_sum(sum, r.0);
        let low = first + second + (k * LN_2_LOW + log.1 + r.1 + rest);
        sum + (low + r.0 * r.0 * ln_tail(r.0))
    }

    /// The logarithm with 80 bits or more.
    fn ln_pair(self) -> Pair {
        const THIRD: Pair = divide(Pair(1.0, 0.0), 3.0);
        let Self { k, r, log } = self;
        let x = r.0;
        let tail = 1.0 / 5.0 + x * (-1.0 / 6.0 + x * (1.0 / 7.0 + x * (-1.0 / 8.0 + x / 9.0)));
        let tail = tail + x * x * x * x * x * (-1.0 / 10.0 + x * (1.0 / 11.0 - x / 12.0));
        let mut ln = multiply(r, Pair(tail, 0.0));
        for coefficient in [Pair(-0.25, 0.0), THIRD, Pair(-0.5, 0.0), Pair(1.0, 0.0)] {
            ln = multiply(r, add(coefficient, ln));
        }
        let whole = add(Pair(k * LN_2_HIGH, k * LN_2_LOW), log);
        add(whole, ln)
    }
}

/// (ln (1 + x) − x) / x² for |x| up to 1/128.
#[inline]
fn ln_tail(x: f64) -> f64 {
    let last = 1.0 / 7.0 + x * (-1.0 / 8.0 + x * (1.0 / 9.0 - x / 10.0));
    -0.5 + x * (1.0 / 3.0 + x * (-0.25 + x * (0.2 + x * (-1.0 / 6.0 + x * last))))
}

/// (eˣ − 1 − x) / x² for |x| up to 1/32.
#[inline]
fn exp_tail(x: f64) -> f64 {
    let last = 1.0 / 720.0 + x * (1.0 / 5040.0 + x * (1.0 / 40_320.0 + x / 362_880.0));
    0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * last)))
}

/// e to the power of a pair.
#[inline]
fn exp_pair(x: Pair) -> f64 {
    if !(-746.0..710.0).contains(&x.0) {
        return match x.0 {
            x if x.is_nan() => x,
            x if x > 0.0 => f64::INFINITY,
            _ => 0.0,
        };
    }
    let (Pair(high, low), exponent) = exp_parts(x);
    // In two steps, because the whole factor may not be a float; only the second one can round.
    let half = exponent / 2;
    (high + low) * power_of_two(half) * power_of_two(exponent - half)
}

/// e to the power of a pair, as a pair from 1 to 2 and an exponent of 2.
#[inline]
fn exp_parts(x: Pair) -> (Pair, i32) {
    let parts = (x.0 * (1.0 / (PART_HIGH + PART_LOW)) + WHOLE) - WHOLE;
    let Pair(rest, first) = two_sum(x.0, -parts * PART_HIGH);
    let Pair(r, second) = two_sum(rest, -parts * PART_LOW);
    let Pair(r, low) = two_sum(r, first + second + x.1);
    let grown = r + (low + r * r * exp_tail(r));
    let parts = parts as i32;
    let power = POWERS[parts as usize % PARTS];
    (Pair(power.0, power.1 + power.0 * grown), parts >> PARTS.trailing_zeros())
}

/// 2ᵏ, for the exponents of normal floats.
const fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((1023 + k) as u64) << 52)
}

/// The sum of two floats (Knuth).
#[inline]
const fn two_sum(a: f64, b: f64) -> Pair {
    let sum = a + b;
    let part = sum - a;
    Pair(sum, (a - (sum - part)) + (b - part))
}

/// The same if the second float is not the larger one (Dekker).
#[inline]
const fn quick_sum(a: f64, b: f64) -> Pair {
    let sum = a + b;
    Pair(sum, b - (sum - a))
}

/// The product of two floats of moderate size (Dekker, with Veltkamp's halves).
#[inline]
const fn two_product(a: f64, b: f64) -> Pair {
    const fn halves(a: f64) -> (f64, f64) {
        let large = a * 134_217_729.0;
        let high = large - (large - a);
        (high, a - high)
    }
    let product = a * b;
    let ((a, a_low), (b, b_low)) = (halves(a), halves(b));
    Pair(product, ((a * b - product) + a * b_low + a_low * b) + a_low * b_low)
}

const fn add(a: Pair, b: Pair) -> Pair {
    let (high, low) = (two_sum(a.0, b.0), two_sum(a.1, b.1));
    let sum = quick_sum(high.0, high.1 + low.0);
    quick_sum(sum.0, sum.1 + low.1)
}

const fn multiply(a: Pair, b: Pair) -> Pair {
    let product = two_product(a.0, b.0);
    quick_sum(product.0, product.1 + (a.0 * b.1 + a.1 * b.0))
}

const fn divide(a: Pair, by: f64) -> Pair {
    let quotient = a.0 / by;
    let product = two_product(quotient, by);
    quick_sum(quotient, ((a.0 - product.0) - product.1 + a.1) / by)
}

const fn logarithms() -> [(f64, Pair); PARTS] {
    let mut table = [(1.0, Pair(0.0, 0.0)); PARTS];
    let mut part = 0;
    while part < PARTS {
        let first = f64::from_bits(LEAST + ((part as u64) << PART_SHIFT));
        let end = f64::from_bits(LEAST + ((part as u64 + 1) << PART_SHIFT));
        // Near 1 on both sides nothing is subtracted, so nothing is lost where the logarithm is
        // small.
        if first != 1.0 && end != 1.0 {
            let c = (512.0 / (0.5 * (first + end)) + 0.5) as u32 as f64 / 512.0;
            table[part] = (c, minus_ln(c));
        }
        part += 1;
    }
    table
}

/// −ln c = −2 artanh ((c − 1) / (c + 1)), for c from 0.7 to 1.5.
const fn minus_ln(c: f64) -> Pair {
    let ratio = divide(Pair(c - 1.0, 0.0), c + 1.0);
    let square = multiply(ratio, ratio);
    let mut sum = Pair(0.0, 0.0);
    let mut n = 51;
    while n > 0 {
        sum = add(divide(Pair(1.0, 0.0), n as f64), multiply(square, sum));
        n -= 2;
    }
    let half = multiply(ratio, sum);
    Pair(-2.0 * half.0, -2.0 * half.1)
}

const fn powers() -> [Pair; PARTS] {
    let mut table = [Pair(1.0, 0.0); PARTS];
    let mut part = 1;
    while part < PARTS {
        let x = multiply(LN_2, Pair(part as f64 / PARTS as f64, 0.0));
        let mut sum = Pair(1.0, 0.0);
        let mut n = 30;
        while n > 0 {
            let next = multiply(x, sum);
            sum = add(Pair(1.0, 0.0), divide(next, n as f64));
            n -= 1;
        }
        table[part] = sum;
        part += 1;
    }
    table
}

#[cfg(test)]
mod tests;
