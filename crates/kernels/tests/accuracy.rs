//! The elementary functions against f64: the errors that `math` states are measured here.

use wordmill_kernels::math;

/// The largest error of `f` over all f32 in [from, to] in steps of `step` bit patterns, by the measure `error(result, exact)`.
fn worst(
    f: fn(f32) -> f32,
    exact: fn(f64) -> f64,
    range: (f32, f32),
    step: usize,
    error: fn(f64, f64) -> f64,
) -> f64 {
    let mut worst = 0.0f64;
    let mut sweep = |low: f32, high: f32, sign: f32| {
        for bits in (low.to_bits()..=high.to_bits()).step_by(step) {
            let x = sign * f32::from_bits(bits);
            worst = worst.max(error(f64::from(f(x)), exact(f64::from(x))));
        }
    };
    let (from, to) = range;
    if to > 0.0 {
        sweep(from.max(0.0), to, 1.0);
    }
    if from < 0.0 {
        sweep((-to).max(0.0), -from, -1.0);
    }
    worst
}

fn relative(result: f64, exact: f64) -> f64 {
    if exact == 0.0 { result.abs() } else { ((result - exact) / exact).abs() }
}

fn absolute(result: f64, exact: f64) -> f64 {
    (result - exact).abs()
}

fn check(name: &str, measured: f64, limit: f64) {
    println!("{name}: {measured:.2e}");
    assert!(measured <= limit, "{name}: error {measured:e} is above {limit:e}");
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn rsqrt(x: f64) -> f64 {
    1.0 / x.sqrt()
}

#[test]
fn errors_are_as_stated() {
    let (tiny, max) = (f32::MIN_POSITIVE, f32::MAX);
    check("exp", worst(math::exp, f64::exp, (-87.0, 88.0), 97, relative), 9e-8);
    check(
        "exp, subnormal results",
        worst(math::exp, f64::exp, (-110.0, -87.0), 7, absolute),
        1.5e-45,
    );
    check("ln", worst(math::ln, f64::ln, (tiny, max), 97, relative), 1.1e-7);
    check("ln near 1", worst(math::ln, f64::ln, (0.6, 1.5), 1, relative), 1.1e-7);
    check("ln of subnormals", worst(math::ln, f64::ln, (1e-45, tiny), 97, relative), 1e-7);
    check("sigmoid", worst(math::sigmoid, sigmoid, (-80.0, 80.0), 97, relative), 2.5e-7);
    check("softplus", worst(math::softplus, softplus, (-80.0, 80.0), 97, relative), 2.5e-7);
    check("rsqrt", worst(math::rsqrt, rsqrt, (tiny, max), 97, relative), 1.3e-7);
    check("rsqrt of one binade pair", worst(math::rsqrt, rsqrt, (1.0, 4.0), 1, relative), 1.3e-7);
    check("rsqrt of subnormals", worst(math::rsqrt, rsqrt, (1e-45, tiny), 97, relative), 1.3e-7);
}

#[test]
fn special_values() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for f in [math::exp, math::ln, math::sigmoid, math::softplus, math::rsqrt] {
        assert!(f(nan).is_nan());
    }
    assert_eq!(
        [math::exp(-inf), math::exp(-104.0), math::exp(0.0), math::exp(89.0), math::exp(inf)],
        [0.0, 0.0, 1.0, inf, inf]
    );
    assert_eq!(
        [math::ln(0.0), math::ln(-0.0), math::ln(1.0), math::ln(inf)],
        [-inf, -inf, 0.0, inf]
    );
    assert!(math::ln(-1.0).is_nan() && math::ln(-inf).is_nan() && math::ln(-1e-45).is_nan());
    assert_eq!([math::sigmoid(-inf), math::sigmoid(0.0), math::sigmoid(inf)], [0.0, 0.5, 1.0]);
    assert_eq!([math::softplus(-inf), math::softplus(inf), math::softplus(1e30)], [0.0, inf, 1e30]);
    assert_eq!(
        [math::rsqrt(0.0), math::rsqrt(-0.0), math::rsqrt(4.0), math::rsqrt(inf)],
        [inf, inf, 0.5, 0.0]
    );
    assert!(math::rsqrt(-1.0).is_nan() && math::rsqrt(-inf).is_nan());
}
