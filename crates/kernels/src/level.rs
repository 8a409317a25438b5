//! The instruction sets that have kernels, and their names.

use core::fmt;
use core::str::FromStr;

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

/// A name that is not a [`Level`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(String);

pub(crate) const LEVELS: [Level; 4] = [Level::Scalar, Level::Neon, Level::Avx2, Level::Avx512];

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
        write!(f, "{:?} is not an instruction set; known are scalar, neon, avx2, avx512", self.0)
    }
}

impl core::error::Error for UnknownLevel {}
