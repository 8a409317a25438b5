//! Sixteen lanes as two ymm registers: AVX2 and FMA.
//!
//! Terms: `Avx2`, the token. It deliberately uses no approximate instruction (vrsqrtps and friends).

use core::arch::x86_64::*;

use super::operations;
use crate::lanes::{Arith, Block, LANES, Lanes};

/// The token: this CPU has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU must have AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// Lanes 0 to 7 and 8 to 15.
type F = [__m256; 2];
type I = [__m256i; 2];

/// Writes an operation that treats both registers alike.
macro_rules! both {
    ($call:expr, $a:ident) => {
        [$call($a[0]), $call($a[1])]
    };
    ($call:expr, $a:ident, $b:ident) => {
        [$call($a[0], $b[0]), $call($a[1], $b[1])]
    };
    ($call:expr, $a:ident, $b:ident, $c:ident) => {
        [$call($a[0], $b[0], $c[0]), $call($a[1], $b[1], $c[1])]
    };
}

impl Arith for Avx2 {
    type F = F;
    type I = I;
    type M = F;

    operations! {
        fn splat(x: f32) -> F = [_mm256_set1_ps(x); 2];
        fn add(a: F, b: F) -> F = both!(_mm256_add_ps, a, b);
        fn sub(a: F, b: F) -> F = both!(_mm256_sub_ps, a, b);
        fn mul(a: F, b: F) -> F = both!(_mm256_mul_ps, a, b);
        fn div(a: F, b: F) -> F = both!(_mm256_div_ps, a, b);
        fn fma(a: F, b: F, c: F) -> F = both!(_mm256_fmadd_ps, a, b, c);
        fn fnma(a: F, b: F, c: F) -> F = both!(_mm256_fnmadd_ps, a, b, c);
        fn abs(a: F) -> F = [
            _mm256_andnot_ps(_mm256_set1_ps(-0.0), a[0]),
            _mm256_andnot_ps(_mm256_set1_ps(-0.0), a[1]),
        ];
        fn neg(a: F) -> F = [_mm256_xor_ps(a[0], _mm256_set1_ps(-0.0)), _mm256_xor_ps(a[1], _mm256_set1_ps(-0.0))];
        fn lt(a: F, b: F) -> F = both!(_mm256_cmp_ps::<_CMP_LT_OQ>, a, b);
        fn eq(a: F, b: F) -> F = both!(_mm256_cmp_ps::<_CMP_EQ_OQ>, a, b);
        fn select(mask: F, yes: F, no: F) -> F = both!(_mm256_blendv_ps, no, yes, mask);
        fn scale(p: F, n: F) -> F = [scale(p[0], n[0]), scale(p[1], n[1])];
        // vminps and vmaxps return their second operand where either is NaN, hence the order.
        fn max(a: F, b: F) -> F = both!(_mm256_max_ps, b, a);
        fn min(a: F, b: F) -> F = both!(_mm256_min_ps, b, a);
        fn isplat(x: i32) -> I = [_mm256_set1_epi32(x); 2];
        fn isub(a: I, b: I) -> I = both!(_mm256_sub_epi32, a, b);
        fn half(a: I) -> I = both!(_mm256_srai_epi32::<1>, a);
        fn exponent(a: I) -> I = both!(_mm256_srai_epi32::<23>, a);
        fn to_exponent(a: I) -> I = both!(_mm256_slli_epi32::<23>, a);
        fn bits(a: F) -> I = both!(_mm256_castps_si256, a);
        fn floats(a: I) -> F = both!(_mm256_castsi256_ps, a);
        fn to_float(a: I) -> F = both!(_mm256_cvtepi32_ps, a);
    }
}

impl Lanes for Avx2 {
    type D = [__m256d; 4];

    operations! {
        fn load(from: &Block) -> F = [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from.as_ptr().add(8))];
        fn store(x: F, to: &mut Block) -> () = {
            _mm256_storeu_ps(to.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), x[1]);
        };
        // Lanes that the mask leaves out are neither read nor written, nor can they fault; the pointer is formed by wrapping,
        // since the second half may begin past the slice.
        fn load_tail(from: &[f32]) -> F = {
            let mask = first(from.len());
            [
                _mm256_maskload_ps(from.as_ptr(), mask[0]),
                _mm256_maskload_ps(from.as_ptr().wrapping_add(8), mask[1]),
            ]
        };
        fn store_tail(x: F, to: &mut [f32]) -> () = {
            let mask = first(to.len());
            _mm256_maskstore_ps(to.as_mut_ptr(), mask[0], x[0]);
            _mm256_maskstore_ps(to.as_mut_ptr().wrapping_add(8), mask[1], x[1]);
        };
        fn sum(x: F) -> f32 = {
            let x = _mm256_add_ps(x[0], x[1]);
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
        };
        fn sum16(x: [F; LANES]) -> F = [
            sum8([x[0], x[4], x[1], x[5], x[2], x[6], x[3], x[7]]),
            sum8([x[8], x[12], x[9], x[13], x[10], x[14], x[11], x[15]]),
        ];
        fn wide_zero() -> [__m256d; 4] = [_mm256_setzero_pd(); 4];
        fn wide_add(sum: [__m256d; 4], x: F) -> [__m256d; 4] = [
            _mm256_add_pd(sum[0], _mm256_cvtps_pd(_mm256_castps256_ps128(x[0]))),
            _mm256_add_pd(sum[1], _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x[0]))),
            _mm256_add_pd(sum[2], _mm256_cvtps_pd(_mm256_castps256_ps128(x[1]))),
            _mm256_add_pd(sum[3], _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x[1]))),
        ];
    }

    #[inline(always)]
    fn wide_lanes(self, x: [__m256d; 4]) -> [f64; LANES] {
        let mut lanes = [0.0; LANES];
        for i in 0..4 {
            // SAFETY: the token proves the instructions; the four stores fill the array.
            unsafe { _mm256_storeu_pd(lanes.as_mut_ptr().add(4 * i), x[i]) }
        }
        lanes
    }

    #[inline(always)]
    fn prefetch<T>(self, row: &[T]) {
        for line in row.chunks(64 / size_of::<T>()) {
            // SAFETY: a prefetch reads nothing into the program and cannot fault.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
        }
    }
}

/// p·2ⁿ in two factors, since 2ⁿ alone leaves the normal range; the first product is exact, so only the second rounds.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
unsafe fn scale(p: __m256, n: __m256) -> __m256 {
    // SAFETY: the caller promises AVX2.
    unsafe {
        let n = _mm256_cvtps_epi32(n);
        let first = _mm256_srai_epi32::<1>(n);
        let second = _mm256_sub_epi32(n, first);
        let bias = _mm256_set1_epi32(127);
        let first = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(first, bias)));
        let second = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(second, bias)));
        _mm256_mul_ps(_mm256_mul_ps(p, first), second)
    }
}

/// The tree of `sum` on eight at once: each step adds the halves of two neighbours and packs them into one register. The steps leave
/// sums 0, 2, 4, 6, 1, 3, 5, 7 in lanes 0 to 7, which the caller undoes by the order of its inputs.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
unsafe fn sum8(x: [F; 8]) -> __m256 {
    // SAFETY: the caller promises AVX2.
    unsafe {
        let mut fours = [_mm256_setzero_ps(); 4];
        for i in 0..4 {
            let a = _mm256_add_ps(x[2 * i][0], x[2 * i][1]);
            let b = _mm256_add_ps(x[2 * i + 1][0], x[2 * i + 1][1]);
            fours[i] = _mm256_add_ps(
                _mm256_permute2f128_ps::<0x20>(a, b),
                _mm256_permute2f128_ps::<0x31>(a, b),
            );
        }
        let mut twos = [_mm256_setzero_ps(); 2];
        for i in 0..2 {
            let (a, b) = (fours[2 * i], fours[2 * i + 1]);
            twos[i] =
                _mm256_add_ps(_mm256_shuffle_ps::<0x44>(a, b), _mm256_shuffle_ps::<0xee>(a, b));
        }
        let [a, b] = twos;
        _mm256_add_ps(_mm256_shuffle_ps::<0x88>(a, b), _mm256_shuffle_ps::<0xdd>(a, b))
    }
}

/// Masks of the first `n` of sixteen lanes.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
unsafe fn first(n: usize) -> I {
    debug_assert!(n <= LANES);
    // SAFETY: the caller promises AVX2.
    unsafe {
        let n = _mm256_set1_epi32(n as i32);
        let low = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let high = _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15);
        [_mm256_cmpgt_epi32(n, low), _mm256_cmpgt_epi32(n, high)]
    }
}
