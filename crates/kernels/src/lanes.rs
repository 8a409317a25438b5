//! The sixteen virtual lanes that every algorithm of this crate is written over.
//!
//! Terms: an `Arith` token gives arithmetic on some register `F`; a `Lanes` token is an `Arith` whose register holds sixteen floats
//! and can be loaded, stored and summed; `One` is the single-lane token behind the scalar functions of `math`. A token is a
//! zero-sized proof that the CPU has the instructions, so the operations themselves are safe. Each operation is exact IEEE
//! arithmetic with one rounding, which is why all implementations return the same bits (NaN payloads excepted).
//! There are deliberately no approximate instructions, no gathers and no knowledge of any algorithm here.

/// Virtual lanes of every kernel, and the multiple to which rows are padded.
pub const LANES: usize = 16;

/// Sixteen floats in memory: what one register loads and stores.
pub(crate) type Block = [f32; LANES];

/// Arithmetic on a register of floats, of whatever width.
pub(crate) trait Arith: Copy {
    /// Floats.
    type F: Copy;
    /// As many 32-bit integers.
    type I: Copy;
    /// The result of a comparison.
    type M: Copy;

    fn splat(self, x: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// a·b + c, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// c − a·b, rounded once.
    fn fnma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    fn abs(self, a: Self::F) -> Self::F;
    fn neg(self, a: Self::F) -> Self::F;
    /// a < b, false for NaN.
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    /// a == b, false for NaN.
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    fn select(self, mask: Self::M, yes: Self::F, no: Self::F) -> Self::F;
    /// p·2ⁿ for a whole n in −252..=252 and 0.5 < p < 2, rounded once, also into the subnormals.
    fn scale(self, p: Self::F, n: Self::F) -> Self::F;

    fn isplat(self, x: i32) -> Self::I;
    fn isub(self, a: Self::I, b: Self::I) -> Self::I;
    /// Arithmetic shift right by one.
    fn half(self, a: Self::I) -> Self::I;
    /// Arithmetic shift right by the 23 bits of a mantissa.
    fn exponent(self, a: Self::I) -> Self::I;
    /// Shift left by the 23 bits of a mantissa.
    fn to_exponent(self, a: Self::I) -> Self::I;
    fn bits(self, a: Self::F) -> Self::I;
    fn floats(self, a: Self::I) -> Self::F;
    /// The integers as floats, exact below 2²⁴.
    fn to_float(self, a: Self::I) -> Self::F;

    /// The larger; `a` where either is NaN.
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        self.select(self.lt(a, b), b, a)
    }

    /// The smaller; `a` where either is NaN.
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        self.select(self.lt(b, a), b, a)
    }
}

/// Arithmetic on exactly sixteen lanes, with memory and the canonical sums.
pub(crate) trait Lanes: Arith {
    /// Sixteen f64.
    type D: Copy;

    fn load(self, from: &Block) -> Self::F;
    fn store(self, x: Self::F, to: &mut Block);
    /// Loads up to sixteen floats, zeros behind them, and touches no memory past the slice.
    fn load_tail(self, from: &[f32]) -> Self::F;
    /// Stores the first lanes into a slice of up to sixteen floats and touches no memory past it.
    fn store_tail(self, x: Self::F, to: &mut [f32]);
    /// The canonical tree: lane l + lane l+8, then +4, +2, +1.
    fn sum(self, x: Self::F) -> f32;

    /// Lane i is the canonical sum of `x[i]`.
    #[inline(always)]
    fn sum16(self, x: [Self::F; LANES]) -> Self::F {
        let mut sums = [0.0; LANES];
        for i in 0..LANES {
            sums[i] = self.sum(x[i]);
        }
        self.load(&sums)
    }

    fn wide_zero(self) -> Self::D;
    /// Adds each lane, widened, to its f64 lane.
    fn wide_add(self, sum: Self::D, x: Self::F) -> Self::D;
    fn wide_lanes(self, x: Self::D) -> [f64; LANES];

    /// The canonical tree over f64 lanes.
    #[inline(always)]
    fn wide_sum(self, x: Self::D) -> f64 {
        let mut lanes = self.wide_lanes(x);
        for half in [8, 4, 2, 1] {
            for l in 0..half {
                lanes[l] += lanes[l + half];
            }
        }
        lanes[0]
    }

    /// Prefetches the cache lines of a row; a hint without effect on any value.
    fn prefetch<T>(self, row: &[T]);
}

/// One lane: the token behind the scalar functions.
#[derive(Clone, Copy)]
pub(crate) struct One;

impl Arith for One {
    type F = f32;
    type I = i32;
    type M = bool;

    #[inline(always)]
    fn splat(self, x: f32) -> f32 {
        x
    }
    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32, b: f32) -> f32 {
        a / b
    }
    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn fnma(self, a: f32, b: f32, c: f32) -> f32 {
        (-a).mul_add(b, c)
    }
    #[inline(always)]
    fn abs(self, a: f32) -> f32 {
        a.abs()
    }
    #[inline(always)]
    fn neg(self, a: f32) -> f32 {
        -a
    }
    #[inline(always)]
    fn lt(self, a: f32, b: f32) -> bool {
        a < b
    }
    #[inline(always)]
    fn eq(self, a: f32, b: f32) -> bool {
        a == b
    }
    #[inline(always)]
    fn select(self, mask: bool, yes: f32, no: f32) -> f32 {
        if mask { yes } else { no }
    }
    #[inline(always)]
    fn scale(self, p: f32, n: f32) -> f32 {
        // Two factors, since 2ⁿ alone leaves the normal range; p·2^(n/2) is exact, so only the second product rounds.
        let n = n as i32;
        let first = n >> 1;
        let second = n - first;
        let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
        p * power(first) * power(second)
    }
    #[inline(always)]
    fn isplat(self, x: i32) -> i32 {
        x
    }
    #[inline(always)]
    fn isub(self, a: i32, b: i32) -> i32 {
        a.wrapping_sub(b)
    }
    #[inline(always)]
    fn half(self, a: i32) -> i32 {
        a >> 1
    }
    #[inline(always)]
    fn exponent(self, a: i32) -> i32 {
        a >> 23
    }
    #[inline(always)]
    fn to_exponent(self, a: i32) -> i32 {
        a << 23
    }
    #[inline(always)]
    fn bits(self, a: f32) -> i32 {
        a.to_bits() as i32
    }
    #[inline(always)]
    fn floats(self, a: i32) -> f32 {
        f32::from_bits(a as u32)
    }
    #[inline(always)]
    fn to_float(self, a: i32) -> f32 {
        a as f32
    }
}
