//! Files of other programs.

use super::Target;

/// The readers of other programs' files.
pub const TARGETS: &[Target] = &[];
