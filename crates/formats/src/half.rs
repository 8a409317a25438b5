//! Sixteen-bit floats (IEEE 754 binary16), by bits: one of five exponent bits and ten of mantissa.

/// The nearest f16, ties to even; what is too large becomes infinite.
pub fn to_f16(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let size = bits & 0x7fff_ffff;
    if size > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    // From 65,520 on, half way between the greatest f16 and the next that there would be.
    if size >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    if size < 0x3880_0000 {
        // Below 2⁻¹⁴ an f16 is a multiple of 2⁻²⁴: adding ½ leaves the multiple in the last bits, rounded by the hardware.
        let shifted = f32::from_bits(size) + 0.5;
        return sign | (shifted.to_bits() - 0.5f32.to_bits()) as u16;
    }
    let even = (size >> 13) & 1;
    let rounded = size + 0x0fff + even;
    sign | ((rounded - 0x3800_0000) >> 13) as u16
}

/// The same number as f32.
pub fn from_f16(half: u16) -> f32 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (half >> 10 & 0x1f, u32::from(half & 0x3ff));
    match exponent {
        0 => sign * mantissa as f32 * (1.0 / (1 << 24) as f32),
        0x1f if mantissa == 0 => sign * f32::INFINITY,
        0x1f => f32::NAN,
        _ => sign * f32::from_bits((u32::from(exponent) + 112) << 23 | mantissa << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back_and_what_lies_between_goes_to_the_nearest() {
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
