//! Which instruction sets this CPU has, and the kernels of each.
//!
//! Detection happens once. Nothing here reads the environment; a caller that needs a certain level uses `at`.

use std::sync::OnceLock;

use crate::level::{LEVELS, Level};
use crate::table::Kernels;

/// The levels of this CPU, slowest first; scalar is always there.
pub fn available() -> Vec<Level> {
    LEVELS.into_iter().filter(|&level| at(level).is_some()).collect()
}

/// The kernels of the fastest level of this CPU.
pub fn best() -> &'static Kernels {
    static BEST: OnceLock<&'static Kernels> = OnceLock::new();
    BEST.get_or_init(|| LEVELS.into_iter().rev().find_map(at).expect("scalar is always there"))
}

/// The kernels of one level, or `None` if this CPU (or this build's architecture) lacks it.
pub fn at(level: Level) -> Option<&'static Kernels> {
    match level {
        Level::Scalar => Some(&crate::table::scalar::KERNELS),
        #[cfg(target_arch = "aarch64")]
        Level::Neon => Some(&crate::table::neon::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => has_avx2().then_some(&crate::table::avx2::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => has_avx512().then_some(&crate::table::avx512::KERNELS),
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}
