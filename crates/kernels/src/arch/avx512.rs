//! Sixteen lanes as one zmm register: AVX-512 F, BW, DQ and VL.
//!
//! Terms: `Avx512`, the token. It deliberately uses no approximate instruction (vrsqrt14ps and friends).

use core::arch::x86_64::*;

use super::operations;
use crate::lanes::{Arith, Block, LANES, Lanes};

/// The token: this CPU has AVX-512 F, BW, DQ, VL, AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU must have AVX-512 F, BW, DQ, VL, AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

impl Arith for Avx512 {
    type F = __m512;
    type I = __m512i;
    type M = __mmask16;

    operations! {
        fn splat(x: f32) -> __m512 = _mm512_set1_ps(x);
        fn add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        fn sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        fn mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        fn div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        fn fma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        fn fnma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fnmadd_ps(a, b, c);
        fn abs(a: __m512) -> __m512 = _mm512_abs_ps(a);
        fn neg(a: __m512) -> __m512 = _mm512_xor_ps(a, _mm512_set1_ps(-0.0));
        fn lt(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b);
        fn eq(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b);
        fn select(mask: __mmask16, yes: __m512, no: __m512) -> __m512 = _mm512_mask_blend_ps(mask, no, yes);
        fn scale(p: __m512, n: __m512) -> __m512 = _mm512_scalef_ps(p, n);
        // vminps and vmaxps return their second operand where either is NaN, hence the order.
        fn max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(b, a);
        fn min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(b, a);
        fn isplat(x: i32) -> __m512i = _mm512_set1_epi32(x);
        fn isub(a: __m512i, b: __m512i) -> __m512i = _mm512_sub_epi32(a, b);
        fn half(a: __m512i) -> __m512i = _mm512_srai_epi32::<1>(a);
        fn exponent(a: __m512i) -> __m512i = _mm512_srai_epi32::<23>(a);
        fn to_exponent(a: __m512i) -> __m512i = _mm512_slli_epi32::<23>(a);
        fn bits(a: __m512) -> __m512i = _mm512_castps_si512(a);
        fn floats(a: __m512i) -> __m512 = _mm512_castsi512_ps(a);
        fn to_float(a: __m512i) -> __m512 = _mm512_cvtepi32_ps(a);
    }
}

impl Lanes for Avx512 {
    type D = [__m512d; 2];

    operations! {
        fn load(from: &Block) -> __m512 = _mm512_loadu_ps(from.as_ptr());
        fn store(x: __m512, to: &mut Block) -> () = _mm512_storeu_ps(to.as_mut_ptr(), x);
        // Lanes that the mask leaves out are neither read nor written, nor can they fault.
        fn load_tail(from: &[f32]) -> __m512 = _mm512_maskz_loadu_ps(first(from.len()), from.as_ptr());
        fn store_tail(x: __m512, to: &mut [f32]) -> () = _mm512_mask_storeu_ps(to.as_mut_ptr(), first(to.len()), x);
        fn sum(x: __m512) -> f32 = {
            let x = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
        };
        fn wide_zero() -> [__m512d; 2] = [_mm512_setzero_pd(); 2];
        fn wide_add(sum: [__m512d; 2], x: __m512) -> [__m512d; 2] = [
            _mm512_add_pd(sum[0], _mm512_cvtps_pd(_mm512_castps512_ps256(x))),
            _mm512_add_pd(sum[1], _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(x))),
        ];
    }

    #[inline(always)]
    fn sum16(self, x: [__m512; LANES]) -> __m512 {
        // The tree of `sum` on all sixteen at once: each step adds the halves of two neighbours and packs them into one register.
        // The four steps leave sum 4g+i in lane 4i+g, so the inputs enter in that order.
        // SAFETY: the token exists only on a CPU that has these instructions; see `new`.
        unsafe {
            let mut eights = [_mm512_setzero_ps(); 8];
            for i in 0..8 {
                let (a, b) = (2 * i, 2 * i + 1);
                let (a, b) = (x[a % 4 * 4 + a / 4], x[b % 4 * 4 + b / 4]);
                eights[i] = _mm512_add_ps(
                    _mm512_shuffle_f32x4::<0x44>(a, b),
                    _mm512_shuffle_f32x4::<0xee>(a, b),
                );
            }
            let mut fours = [_mm512_setzero_ps(); 4];
            for i in 0..4 {
                let (a, b) = (eights[2 * i], eights[2 * i + 1]);
                fours[i] = _mm512_add_ps(
                    _mm512_shuffle_f32x4::<0x88>(a, b),
                    _mm512_shuffle_f32x4::<0xdd>(a, b),
                );
            }
            let mut twos = [_mm512_setzero_ps(); 2];
            for i in 0..2 {
                let (a, b) = (fours[2 * i], fours[2 * i + 1]);
                twos[i] =
                    _mm512_add_ps(_mm512_shuffle_ps::<0x44>(a, b), _mm512_shuffle_ps::<0xee>(a, b));
            }
            let [a, b] = twos;
            _mm512_add_ps(_mm512_shuffle_ps::<0x88>(a, b), _mm512_shuffle_ps::<0xdd>(a, b))
        }
    }

    #[inline(always)]
    fn wide_lanes(self, x: [__m512d; 2]) -> [f64; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: the token proves the instructions; both stores lie inside the array.
        unsafe {
            _mm512_storeu_pd(lanes.as_mut_ptr(), x[0]);
            _mm512_storeu_pd(lanes.as_mut_ptr().add(8), x[1]);
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

/// A mask of the first `n` lanes.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    debug_assert!(n <= LANES);
    ((1u32 << n) - 1) as __mmask16
}
