//! Sixteen lanes as four 128-bit registers of aarch64.
//!
//! Terms: `Neon`, the token. It deliberately uses no estimate instruction (vrsqrteq and friends). Where a register holds fewer lanes than
//! a shuffle would pay for, the sums go through the array tree of the default methods.

use core::arch::aarch64::*;

use super::operations;
use crate::lanes::{Arith, Block, LANES, Lanes};

/// The token: every aarch64 CPU that Rust's targets with std allow has NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Neon {
    /// # Safety
    /// The CPU must have NEON.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// Lanes 0 to 3, 4 to 7, 8 to 11 and 12 to 15.
type F = [float32x4_t; 4];
type I = [int32x4_t; 4];
type M = [uint32x4_t; 4];

/// Writes an operation that treats the four registers alike.
macro_rules! all {
    ($call:expr, $a:ident) => {
        [$call($a[0]), $call($a[1]), $call($a[2]), $call($a[3])]
    };
    ($call:expr, $a:ident, $b:ident) => {
        [$call($a[0], $b[0]), $call($a[1], $b[1]), $call($a[2], $b[2]), $call($a[3], $b[3])]
    };
    ($call:expr, $a:ident, $b:ident, $c:ident) => {
        [
            $call($a[0], $b[0], $c[0]),
            $call($a[1], $b[1], $c[1]),
            $call($a[2], $b[2], $c[2]),
            $call($a[3], $b[3], $c[3]),
        ]
    };
}

impl Arith for Neon {
    type F = F;
    type I = I;
    type M = M;

    operations! {
        fn splat(x: f32) -> F = [vdupq_n_f32(x); 4];
        fn add(a: F, b: F) -> F = all!(vaddq_f32, a, b);
        fn sub(a: F, b: F) -> F = all!(vsubq_f32, a, b);
        fn mul(a: F, b: F) -> F = all!(vmulq_f32, a, b);
        fn div(a: F, b: F) -> F = all!(vdivq_f32, a, b);
        // The accumulator comes first here.
        fn fma(a: F, b: F, c: F) -> F = all!(vfmaq_f32, c, a, b);
        fn fnma(a: F, b: F, c: F) -> F = all!(vfmsq_f32, c, a, b);
        fn abs(a: F) -> F = all!(vabsq_f32, a);
        fn neg(a: F) -> F = all!(vnegq_f32, a);
        fn lt(a: F, b: F) -> M = all!(vcltq_f32, a, b);
        fn eq(a: F, b: F) -> M = all!(vceqq_f32, a, b);
        fn select(mask: M, yes: F, no: F) -> F = all!(vbslq_f32, mask, yes, no);
        fn scale(p: F, n: F) -> F = all!(scale, p, n);
        fn isplat(x: i32) -> I = [vdupq_n_s32(x); 4];
        fn isub(a: I, b: I) -> I = all!(vsubq_s32, a, b);
        fn half(a: I) -> I = all!(vshrq_n_s32::<1>, a);
        fn exponent(a: I) -> I = all!(vshrq_n_s32::<23>, a);
        fn to_exponent(a: I) -> I = all!(vshlq_n_s32::<23>, a);
        fn bits(a: F) -> I = all!(vreinterpretq_s32_f32, a);
        fn floats(a: I) -> F = all!(vreinterpretq_f32_s32, a);
        fn to_float(a: I) -> F = all!(vcvtq_f32_s32, a);
    }
}

impl Lanes for Neon {
    type D = [float64x2_t; 8];

    operations! {
        fn load(from: &Block) -> F = [
            vld1q_f32(from.as_ptr()),
            vld1q_f32(from.as_ptr().add(4)),
            vld1q_f32(from.as_ptr().add(8)),
            vld1q_f32(from.as_ptr().add(12)),
        ];
        fn store(x: F, to: &mut Block) -> () = {
            vst1q_f32(to.as_mut_ptr(), x[0]);
            vst1q_f32(to.as_mut_ptr().add(4), x[1]);
            vst1q_f32(to.as_mut_ptr().add(8), x[2]);
            vst1q_f32(to.as_mut_ptr().add(12), x[3]);
        };
        fn sum(x: F) -> f32 = {
            let x = vaddq_f32(vaddq_f32(x[0], x[2]), vaddq_f32(x[1], x[3]));
            let x = vadd_f32(vget_low_f32(x), vget_high_f32(x));
            vget_lane_f32::<0>(x) + vget_lane_f32::<1>(x)
        };
        fn wide_zero() -> [float64x2_t; 8] = [vdupq_n_f64(0.0); 8];
    }

    #[inline(always)]
    fn load_tail(self, from: &[f32]) -> F {
        let mut block = [0.0; LANES];
        block[..from.len()].copy_from_slice(from);
        self.load(&block)
    }

    #[inline(always)]
    fn store_tail(self, x: F, to: &mut [f32]) {
        let mut block = [0.0; LANES];
        self.store(x, &mut block);
        to.copy_from_slice(&block[..to.len()]);
    }

    #[inline(always)]
    fn wide_add(self, mut sum: [float64x2_t; 8], x: F) -> [float64x2_t; 8] {
        for i in 0..4 {
            // SAFETY: the token exists only on a CPU that has these instructions; see `new`.
            unsafe {
                sum[2 * i] = vaddq_f64(sum[2 * i], vcvt_f64_f32(vget_low_f32(x[i])));
                sum[2 * i + 1] = vaddq_f64(sum[2 * i + 1], vcvt_high_f64_f32(x[i]));
            }
        }
        sum
    }

    #[inline(always)]
    fn wide_lanes(self, x: [float64x2_t; 8]) -> [f64; LANES] {
        let mut lanes = [0.0; LANES];
        for i in 0..8 {
            // SAFETY: the token proves the instructions; the eight stores fill the array.
            unsafe { vst1q_f64(lanes.as_mut_ptr().add(2 * i), x[i]) }
        }
        lanes
    }

    #[inline(always)]
    fn prefetch<T>(self, _row: &[T]) {
        // There is no stable intrinsic for it.
    }
}

/// p·2ⁿ in two factors, since 2ⁿ alone leaves the normal range; the first product is exact, so only the second rounds.
///
/// # Safety
/// The CPU must have NEON.
#[inline(always)]
unsafe fn scale(p: float32x4_t, n: float32x4_t) -> float32x4_t {
    // SAFETY: the caller promises NEON.
    unsafe {
        let n = vcvtq_s32_f32(n);
        let first = vshrq_n_s32::<1>(n);
        let second = vsubq_s32(n, first);
        let bias = vdupq_n_s32(127);
        let first = vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(first, bias)));
        let second = vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(second, bias)));
        vmulq_f32(vmulq_f32(p, first), second)
    }
}
