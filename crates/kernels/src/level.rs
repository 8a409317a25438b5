//! Which instruction sets this CPU has, and the kernels of each.
//!
//! Nouns: a `Level` names an instruction set. Detection happens once; nothing here reads the environment, so that a caller who wants
//! to force a level does it with `at`.

use core::fmt;
use core::str::FromStr;
use std::sync::OnceLock;

use crate::table::Kernels;

/// An instruction set that has kernels. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Portable Rust.
    Scalar,
    /// 128-bit registers of aarch64.
    Neon,
    /// AVX2 and FMA of x86-64.
    Avx2,
    /// AVX-512 F, BW, DQ and VL of x86-64.
    Avx512,
}

/// A name that is no [`Level`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(String);

const LEVELS: [Level; 4] = [Level::Scalar, Level::Neon, Level::Avx2, Level::Avx512];

impl Level {
    /// The name in options and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        let level = LEVELS.into_iter().find(|level| level.name() == name);
        level.ok_or_else(|| UnknownLevel(name.to_owned()))
    }
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no instruction set; known are scalar, neon, avx2, avx512", self.0)
    }
}

impl core::error::Error for UnknownLevel {}

/// The levels of this CPU, slowest first; scalar is always there.
pub fn available() -> Vec<Level> {
    LEVELS.into_iter().filter(|&level| at(level).is_some()).collect()
}

/// The kernels of the fastest level of this CPU.
pub fn best() -> &'static Kernels {
    static BEST: OnceLock<&'static Kernels> = OnceLock::new();
    BEST.get_or_init(|| LEVELS.into_iter().rev().find_map(at).expect("scalar is always there"))
}

/// The kernels of one level, or `None` where this CPU (or this build's architecture) lacks it.
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
