//! exp, ln, sigmoid, softplus and 1/√x from polynomials, bit tricks and FMA: the same bits on every machine.
//!
//! Terms: the public functions take one f32; the crate-private ones of the same algorithms take a register. Both are one generic body, so
//! the scalar twin of an elementwise kernel is right by construction (and tested to be). Not covered: vendor approximations,
//! errno, signalling NaNs. Errors are the largest that `tests/accuracy.rs` finds, which walks every 97th f32 or
//! closer. A NaN comes out as some NaN; its payload is not specified.

use crate::lanes::{Arith, One};

/// e^x. Relative error 8.2e-8 for x in [-87, 88]. Below −103.97 it is 0, with gradual underflow
/// from −87.34 on; above 88.72 it is +∞; NaN for NaN.
#[inline]
pub fn exp(x: f32) -> f32 {
    exp_of(One, x)
}

/// Natural logarithm, subnormals included. Relative error 8.1e-8, also near 1. −∞ for ±0, +∞ for +∞, NaN for x < 0 and NaN.
#[inline]
pub fn ln(x: f32) -> f32 {
    ln_of(One, x)
}

/// σ(x) = 1/(1+e^−x). Relative error 2.0e-7 for x ≥ −80. 0 for −∞, 1 for +∞, NaN for NaN.
#[inline]
pub fn sigmoid(x: f32) -> f32 {
    sigmoid_of(One, x)
}

/// log(1+e^x) without overflow or cancellation: x for large x, e^x for very negative x. Relative error 1.3e-7 for
/// |x| ≤ 80. 0 for −∞, +∞ for +∞, NaN for NaN.
#[inline]
pub fn softplus(x: f32) -> f32 {
    softplus_of(One, x)
}

/// 1/√x, subnormals included. Relative error 8.8e-8. +∞ for ±0, 0 for +∞, NaN for x < 0 and NaN.
#[inline]
pub fn rsqrt(x: f32) -> f32 {
    rsqrt_of(One, x)
}

/// Adding and subtracting it rounds a float below 2²² to the nearest whole number.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two floats; with FMA the first may keep all its bits.
const LN2_HIGH: f32 = core::f32::consts::LN_2;
const LN2_LOW: f32 = -1.904_654_2e-9;
const SMALLEST_NORMAL: f32 = f32::MIN_POSITIVE;

/// (e^r − 1 − r)/r² for |r| ≤ ln2/2; Remez, relative error of e^r 3.1e-9.
const EXP: [f32; 5] = [4.999_999_4e-1, 1.666_652e-1, 4.166_84e-2, 8.368_851e-3, 1.381_432_2e-3];

/// (ln(1+f) − f + f²/2)/f³ for 1+f in [√½, √2]; Remez, relative error of ln(1+f) 5.8e-9.
const LN: [f32; 8] = [
    3.333_333e-1,
    -2.500_082e-1,
    2.000_122_7e-1,
    -1.662_335_7e-1,
    1.420_175_9e-1,
    -1.316_018_3e-1,
    1.276_157_5e-1,
    -7.634_495e-2,
];

/// Horner's rule.
#[inline(always)]
fn polynomial<A: Arith, const N: usize>(s: A, x: A::F, coefficients: [f32; N]) -> A::F {
    let mut sum = s.splat(coefficients[N - 1]);
    for i in (0..N - 1).rev() {
        sum = s.fma(sum, x, s.splat(coefficients[i]));
    }
    sum
}

/// e^x = 2ⁿ·e^r with n = round(x/ln 2), |r| ≤ ln2/2 (Cody & Waite 1980).
#[inline(always)]
pub(crate) fn exp_of<A: Arith>(s: A, x: A::F) -> A::F {
    // Past these bounds the result is ∞ or 0 in f32 anyway; within them n fits `scale`. A NaN passes both.
    let x = s.max(s.min(x, s.splat(90.0)), s.splat(-105.0));
    let n = s.fma(x, s.splat(core::f32::consts::LOG2_E), s.splat(ROUND));
    let n = s.sub(n, s.splat(ROUND));
    let r = s.fnma(n, s.splat(LN2_HIGH), x);
    let r = s.fnma(n, s.splat(LN2_LOW), r);
    let p = s.fma(polynomial(s, r, EXP), s.mul(r, r), r);
    s.scale(s.add(p, s.splat(1.0)), n)
}

/// ln x + `extra` for a positive normal x: x = 2^e·(1+f) with 1+f in [√½, √2). `extra` is for the low part of an x known better.
#[inline(always)]
fn ln_normal<A: Arith>(s: A, x: A::F, extra: A::F) -> A::F {
    let bits = s.bits(x);
    let e = s.exponent(s.isub(bits, s.isplat(core::f32::consts::FRAC_1_SQRT_2.to_bits() as i32)));
    let f = s.sub(s.floats(s.isub(bits, s.to_exponent(e))), s.splat(1.0));
    let e = s.to_float(e);
    let curve = s.fma(polynomial(s, f, LN), f, s.splat(-0.5));
    let low = s.fma(e, s.splat(LN2_LOW), extra);
    let rest = s.fma(s.mul(f, f), curve, low);
    s.fma(e, s.splat(LN2_HIGH), s.add(f, rest))
}

#[inline(always)]
pub(crate) fn ln_of<A: Arith>(s: A, x: A::F) -> A::F {
    let zero = s.splat(0.0);
    let small = s.lt(x, s.splat(SMALLEST_NORMAL));
    let normal = s.select(small, s.mul(x, s.splat(8_388_608.0)), x);
    let shift = s.select(small, s.splat(-23.0), zero);
    // The shift is applied as a multiple of ln 2 beside the exponent's own; for normal x it is an exact zero.
    let y = ln_normal(s, normal, s.mul(shift, s.splat(LN2_LOW)));
    let y = s.fma(shift, s.splat(LN2_HIGH), y);
    let y = s.select(s.eq(x, zero), s.splat(f32::NEG_INFINITY), y);
    let y = s.select(s.lt(s.splat(f32::MAX), x), x, y);
    // Not (0 ≤ x): negative numbers and NaN.
    let valid = s.select(s.lt(x, zero), s.splat(f32::NAN), y);
    s.select(s.eq(x, x), valid, x)
}

/// σ(x) and log(1+e^x) from one exponential: with z = e^−|x| they are 1/(1+z) or z/(1+z), and max(x,0) + log1p(z).
#[inline(always)]
pub(crate) fn logistic_of<A: Arith>(s: A, x: A::F) -> (A::F, A::F) {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let z = exp_of(s, s.neg(s.abs(x)));
    let u = s.add(z, one);
    let inverse = s.div(one, u);
    let sigmoid = s.mul(s.select(s.lt(x, zero), z, one), inverse);
    // log1p(z) = ln u + (z − (u − 1))/u: the second term gives back what rounding 1+z lost (Kahan).
    let lost = s.sub(z, s.sub(u, one));
    let log1p = ln_normal(s, u, s.mul(lost, inverse));
    (sigmoid, s.add(s.max(x, zero), log1p))
}

/// The first half of `logistic_of`, the same bits.
#[inline(always)]
pub(crate) fn sigmoid_of<A: Arith>(s: A, x: A::F) -> A::F {
    logistic_of(s, x).0
}

/// The second half of `logistic_of`, the same bits.
#[inline(always)]
pub(crate) fn softplus_of<A: Arith>(s: A, x: A::F) -> A::F {
    logistic_of(s, x).1
}

/// 1/√x for a positive, finite, normal x: the well-known bit trick (relative error 3.4e-2), a cubic Householder step (1e-4), a Newton
/// step (1.5e-8 before rounding). All of it runs in the FMA units, of which there are more than dividers.
#[inline(always)]
pub(crate) fn rsqrt_normal<A: Arith>(s: A, x: A::F) -> A::F {
    let half = s.splat(0.5);
    let y = s.floats(s.isub(s.isplat(0x5f37_59df), s.half(s.bits(x))));
    let e = s.fnma(s.mul(x, y), y, s.splat(1.0));
    let y = s.fma(s.mul(y, e), s.fma(e, s.splat(0.375), half), y);
    let e = s.fnma(s.mul(x, y), y, s.splat(1.0));
    s.fma(s.mul(y, half), e, y)
}

/// 1/√x for a positive, finite, normal x with a relative error of 8.9e-4: the bit trick and one Newton step, with its
/// three constants fitted together. It takes a third of the work of `rsqrt_normal`; for the scale of a step an error of
/// a thousandth does not matter.
#[inline(always)]
pub(crate) fn rsqrt_near<A: Arith>(s: A, x: A::F) -> A::F {
    let y = s.floats(s.isub(s.isplat(0x5f0b_3900), s.half(s.bits(x))));
    s.mul(y, s.fnma(s.mul(x, y), y, s.splat(1.890_990_8)))
}

#[inline(always)]
pub(crate) fn rsqrt_of<A: Arith>(s: A, x: A::F) -> A::F {
    let zero = s.splat(0.0);
    let small = s.lt(x, s.splat(SMALLEST_NORMAL));
    let y = rsqrt_normal(s, s.select(small, s.mul(x, s.splat(16_777_216.0)), x));
    let y = s.select(small, s.mul(y, s.splat(4096.0)), y);
    let y = s.select(s.eq(x, zero), s.splat(f32::INFINITY), y);
    let y = s.select(s.lt(s.splat(f32::MAX), x), zero, y);
    let valid = s.select(s.lt(x, zero), s.splat(f32::NAN), y);
    s.select(s.eq(x, x), valid, x)
}

/// √x = x/√x, which rounds twice: relative error 1.5e-7. 0 for ±0, +∞ for +∞, NaN for x < 0 and NaN.
#[inline(always)]
pub(crate) fn sqrt_of<A: Arith>(s: A, x: A::F) -> A::F {
    let root = s.mul(x, rsqrt_of(s, x));
    let root = s.select(s.lt(s.splat(f32::MAX), x), x, root);
    s.select(s.eq(x, s.splat(0.0)), s.splat(0.0), root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsqrt_near_has_the_stated_error() {
        let error = |x: f32| (f64::from(rsqrt_near(One, x)) * f64::from(x).sqrt() - 1.0).abs();
        // Two binades suffice: the trick acts alike on every pair of them.
        let bits = 1f32.to_bits()..4f32.to_bits();
        let worst = bits.map(|bits| error(f32::from_bits(bits))).fold(0.0, f64::max);
        assert!(worst < 8.9e-4, "{worst:e}");
        assert!(error(1e-30) < 8.9e-4 && error(3e30) < 8.9e-4);
    }
}
