//! Functions of f64 against numbers of 60 digits, special cases, and the standard library.

use super::*;
use crate::random::{SplitMix64, finalize};

/// Units in the last place between two results; 0 for two NaN.
fn distance(a: f64, b: f64) -> u64 {
    if a.is_nan() && b.is_nan() {
        return 0;
    }
    // Floats in their order as whole numbers.
    let place = |x: f64| match x.to_bits() as i64 {
        bits if bits < 0 => i64::MIN.wrapping_sub(bits),
        bits => bits,
    };
    place(a).abs_diff(place(b))
}

/// `expected` has the bits of the float nearest to the true value, computed with 60 digits.
fn check(name: &str, found: f64, expected: u64) {
    let expected = f64::from_bits(expected);
    assert_eq!(found.to_bits(), expected.to_bits(), "{name}: {found:e} instead of {expected:e}");
}

#[test]
fn logarithms_are_the_nearest_floats() {
    for (x, expected) in [
        (2.0, 0x3fe6_2e42_fefa_39ef),
        (0.5, 0xbfe6_2e42_fefa_39ef),
        (3.0, 0x3ff1_93ea_7aad_030b),
        (10.0, 0x4002_6bb1_bbb5_5516),
        (std::f64::consts::LN_2, 0xbfd7_74f2_9bdd_6b9f),
        (1.0000000000000002, 0x3caf_ffff_ffff_ffff),
        (0.9999999999999999, 0xbca0_0000_0000_0000),
        (1.0078125, 0x3f7f_e02a_6b10_6789),
        (0.99609375, 0xbf70_0805_5958_8b35),
        (1.0000152587890625, 0x3eef_fff0_000a_aaa3),
        (1e-05, 0xc027_069e_2aa2_aa5b),
        (123456789.0, 0x4032_a1a3_8bd0_540a),
        (1.7976931348623157e+308, 0x4086_2e42_fefa_39ef),
        (2.2250738585072014e-308, 0xc086_232b_dd7a_bcd2),
        (5e-324, 0xc087_4385_446d_71c3),
        (1e-310, 0xc086_4e69_394d_9508),
    ] {
        check(&format!("ln {x:e}"), ln(x), expected);
    }
    for (x, expected) in [
        (1e-20, 0x3bc7_9ca1_0c92_4223),
        (-1e-05, 0xbee4_f8bc_681e_6006),
        (0.0078, 0x3f7f_d328_f72e_dd58),
        (-0.0079, 0xbf80_3e52_814f_8a9a),
        (0.25, 0x3fcc_8ff7_c79a_9a22),
        (-0.5, 0xbfe6_2e42_fefa_39ef),
        (1.0, 0x3fe6_2e42_fefa_39ef),
        (-0.999, 0xc01b_a18a_998f_ff9f),
        (12.75, 0x4004_f7e3_33f8_e0ee),
        (1e+300, 0x4085_9634_47f8_7fb5),
    ] {
        check(&format!("ln (1 + {x:e})"), ln_1p(x), expected);
    }
}

#[test]
fn exponentials_are_the_nearest_floats() {
    for (x, expected) in [
        (1.0, 0x4005_bf0a_8b14_5769),
        (-1.0, 0x3fd7_8b56_362c_ef38),
        (0.5, 0x3ffa_6129_8e1e_069c),
        (1e-10, 0x3ff0_0000_0006_df38),
        (-1e-300, 0x3ff0_0000_0000_0000),
        (0.0027, 0x3ff0_0b12_fb0f_4433),
        (3.25, 0x4039_ca53_b781_114b),
        (-20.5, 0x3e15_7a3a_feed_00ab),
        (100.0, 0x48f3_494a_9b17_1bf5),
        (-100.0, 0x36ea_8c1f_14e2_af5d),
        (709.7, 0x7fed_75ae_7a50_ee14),
        (-708.0, 0x0017_c8ab_2288_c9ab),
        (-720.5, 0x0000_0005_cf08_fff0),
        (-745.0, 0x0000_0000_0000_0001),
    ] {
        check(&format!("exp {x:e}"), exp(x), expected);
    }
}

#[test]
fn powers_are_the_nearest_floats() {
    for (x, y, expected) in [
        (2.0, 0.5, 0x3ff6_a09e_667f_3bcd),
        (10.0, -2.0, 0x3f84_7ae1_47ae_147b),
        (3.0, 40.0, 0x43e5_1716_8a45_23fd),
        (1000000.0, 0.75, 0x40de_e1b1_b3d7_8c7a),
        (69971.0, 0.75, 0x40b0_ce2e_09cf_041d),
        (0.1, 0.75, 0x3fc6_c310_e376_9f3f),
        (1.0000000000000002, 1000000000000000.0, 0x3ff3_fa60_6152_91ee),
        (0.9999999999999999, -3e+17, 0x42f0_948e_0d67_0a10),
        (1e-300, 1.03, 0x0000_b815_7268_fdab),
        (7.3, -11.25, 0x3dea_a6e0_dc15_a29b),
        (1.5, 1500.0, 0x76c5_c31e_21e3_e7cd),
        (5e-324, 0.125, 0x378a_e89f_995a_d3ad),
        (123.0, -154.0, 0x0000_0000_0000_001d),
    ] {
        check(&format!("{x:e} ^ {y:e}"), pow(x, y), expected);
    }
}

#[test]
fn results_that_a_float_represents_are_exact() {
    for k in -1074..1024 {
        let expected = if k < -1022 { f64::from_bits(1 << (k + 1074)) } else { power_of_two(k) };
        assert_eq!(pow(2.0, f64::from(k)), expected, "2 ^ {k}");
    }
    for n in 1..1000u32 {
        let x = f64::from(n);
        assert_eq!([pow(x, 1.0), pow(x, 2.0), pow(x, 3.0)], [x, x * x, x * x * x], "{n}");
        assert_eq!([pow(x * x, 0.5), pow(x, -1.0)], [x, 1.0 / x], "{n}");
    }
}

#[test]
fn special_cases_are_those_of_the_standard_library() {
    let inf = f64::INFINITY;
    let numbers =
        [0.0, f64::MIN_POSITIVE, 5e-324, 0.5, 1.0, 1.5, 2.0, 3.0, 1e9, 1e300, f64::MAX, inf];
    let numbers = numbers.into_iter().flat_map(|x| [x, -x]).chain([f64::NAN]);
    let numbers: Vec<f64> = numbers.collect();
    for &x in &numbers {
        let found = [ln(x), exp(x), ln_1p(x)];
        let expected = [x.ln(), x.exp(), x.ln_1p()];
        for (found, expected) in found.into_iter().zip(expected) {
            assert!(distance(found, expected) <= 1, "{x:e}: {found:e} instead of {expected:e}");
        }
        for &y in &numbers {
            let (found, expected) = (pow(x, y), x.powf(y));
            assert!(distance(found, expected) <= 1, "{x:e} ^ {y:e}: {found:e}, not {expected:e}");
        }
    }
    for zero in [0.0, -0.0] {
        assert_eq!(ln_1p(zero).to_bits(), f64::to_bits(zero));
    }
}

/// Calls `each` with many arguments of every function, of all sizes that occur in training and many
/// more.
fn for_each_argument(rounds: u32, mut each: impl FnMut(&str, f64, f64)) {
    let mut stream = SplitMix64(20);
    let mut unit = || (stream.bits() >> 11) as f64 / (1u64 << 53) as f64;
    for _ in 0..rounds {
        let size = f64::from_bits((1 + (unit() * 2045.0) as u64) << 52);
        for x in [size * (1.0 + unit()), 0.5 + 1.5 * unit(), 1.0 + 0.03 * (unit() - 0.5)] {
            each("ln", x, 0.0);
        }
        for x in [1450.0 * unit() - 740.0, 4.0 * unit() - 2.0, 2e-3 * (unit() - 0.5)] {
            each("exp", x, 0.0);
        }
        for x in [10.0 * unit() - 1.0, 0.1 * (unit() - 0.5)] {
            each("ln_1p", x, 0.0);
        }
        each("pow", 1.0 + (1e9 * unit()).floor(), 0.75);
        each("pow", 1e6 * unit(), 4.0 * unit() - 2.0);
        each("pow", 1.0 + 1e-3 * (unit() - 0.5), 1e6 * (unit() - 0.5));
    }
}

fn results(name: &str, x: f64, y: f64) -> [f64; 2] {
    match name {
        "ln" => [ln(x), x.ln()],
        "exp" => [exp(x), x.exp()],
        "ln_1p" => [ln_1p(x), x.ln_1p()],
        _ => [pow(x, y), x.powf(y)],
    }
}

#[test]
fn results_are_within_a_unit_of_the_standard_library() {
    for_each_argument(100_000, |name, x, y| {
        let [found, expected] = results(name, x, y);
        assert!(
            distance(found, expected) <= 1,
            "{name} {x:e} {y:e}: {found:e}, the library's is {expected:e}"
        );
    });
}

/// One number for the bits of many results. It must be the same on every machine, as artefacts
/// depend on it.
#[test]
fn bits_are_the_same_on_every_machine() {
    let mut digest = 0;
    for_each_argument(20_000, |name, x, y| {
        digest = finalize(digest ^ results(name, x, y)[0].to_bits());
    });
    assert_eq!(digest, 0x8568_e4e0_8018_2ca8, "{digest:#x}");
}
