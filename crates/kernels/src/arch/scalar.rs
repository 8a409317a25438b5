//! Sixteen lanes as an array: the oracle that every other instruction set must equal, and the fallback where there is none.
//!
//! Terms: `Scalar`, the token. It is deliberately not tuned: `f32::mul_add` without a hardware FMA is a library call.

use crate::lanes::{Arith, Block, LANES, Lanes, One};

/// The token of the portable implementation.
#[derive(Clone, Copy)]
pub(crate) struct Scalar(());

impl Scalar {
    /// # Safety
    /// None is needed; the signature is that of the other tokens.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// Writes the operations of `Scalar` as those of `One`, lane by lane.
macro_rules! each_lane {
    ($(fn $name:ident($($arg:ident: $kind:ty),*) -> $result:ty;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: [$kind; LANES]),*) -> [$result; LANES] {
            core::array::from_fn(|l| One.$name($($arg[l]),*))
        }
    )*};
}

impl Arith for Scalar {
    type F = Block;
    type I = [i32; LANES];
    type M = [bool; LANES];

    #[inline(always)]
    fn splat(self, x: f32) -> Block {
        [x; LANES]
    }
    #[inline(always)]
    fn isplat(self, x: i32) -> [i32; LANES] {
        [x; LANES]
    }
    each_lane! {
        fn add(a: f32, b: f32) -> f32;
        fn sub(a: f32, b: f32) -> f32;
        fn mul(a: f32, b: f32) -> f32;
        fn div(a: f32, b: f32) -> f32;
        fn fma(a: f32, b: f32, c: f32) -> f32;
        fn fnma(a: f32, b: f32, c: f32) -> f32;
        fn abs(a: f32) -> f32;
        fn neg(a: f32) -> f32;
        fn lt(a: f32, b: f32) -> bool;
        fn eq(a: f32, b: f32) -> bool;
        fn select(mask: bool, yes: f32, no: f32) -> f32;
        fn scale(p: f32, n: f32) -> f32;
        fn isub(a: i32, b: i32) -> i32;
        fn half(a: i32) -> i32;
        fn exponent(a: i32) -> i32;
        fn to_exponent(a: i32) -> i32;
        fn bits(a: f32) -> i32;
        fn floats(a: i32) -> f32;
        fn to_float(a: i32) -> f32;
    }
}

impl Lanes for Scalar {
    type D = [f64; LANES];

    #[inline(always)]
    fn load(self, from: &Block) -> Block {
        *from
    }
    #[inline(always)]
    fn store(self, x: Block, to: &mut Block) {
        *to = x;
    }
    #[inline(always)]
    fn load_tail(self, from: &[f32]) -> Block {
        let mut block = [0.0; LANES];
        block[..from.len()].copy_from_slice(from);
        block
    }
    #[inline(always)]
    fn store_tail(self, x: Block, to: &mut [f32]) {
        to.copy_from_slice(&x[..to.len()]);
    }
    #[inline(always)]
    fn sum(self, mut x: Block) -> f32 {
        for half in [8, 4, 2, 1] {
            for l in 0..half {
                x[l] += x[l + half];
            }
        }
        x[0]
    }
    #[inline(always)]
    fn wide_zero(self) -> [f64; LANES] {
        [0.0; LANES]
    }
    #[inline(always)]
    fn wide_add(self, sum: [f64; LANES], x: Block) -> [f64; LANES] {
        core::array::from_fn(|l| sum[l] + f64::from(x[l]))
    }
    #[inline(always)]
    fn wide_lanes(self, x: [f64; LANES]) -> [f64; LANES] {
        x
    }
    #[inline(always)]
    fn prefetch<T>(self, _row: &[T]) {}
}
