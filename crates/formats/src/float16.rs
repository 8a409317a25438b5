//! Sixteen-bit floats (IEEE 754 binary16), by bits: one of five exponent bits and ten of mantissa.

use half::f16;

/// The nearest f16, ties to even; numbers that are too large become infinite.
pub fn to_f16(x: f32) -> u16 {
    f16::from_f32(x).to_bits()
}

/// The same number as f32.
pub fn from_f16(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back_and_numbers_between_are_rounded() {
        for half in 0..0x7c00u16 {
            let (x, next) = (from_f16(half), from_f16(half + 1));
            assert_eq!((to_f16(x), to_f16(-x)), (half, half | 0x8000));
            if next.is_finite() {
                let middle = (f64::from(x) + f64::from(next)) / 2.0;
                let even = if half % 2 == 0 { half } else { half + 1 };
                assert_eq!(to_f16(middle as f32), even, "between {x} and {next}");
                assert_eq!(to_f16((middle as f32).next_up()), half + 1);
                assert_eq!(to_f16((middle as f32).next_down()), half);
            }
        }
        assert_eq!(
            [to_f16(65_504.0), to_f16(65_519.9), to_f16(65_520.0)],
            [0x7bff, 0x7bff, 0x7c00]
        );
        assert!(from_f16(to_f16(f32::NAN)).is_nan() && from_f16(0xfc00) == f32::NEG_INFINITY);
        assert_eq!([to_f16(1.0), to_f16(-2.0), to_f16(1e-9)], [0x3c00, 0xc000, 0]);
    }
}
