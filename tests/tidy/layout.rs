//! The files at the top of the repository, and the list of crates.

use super::{Finding, Repository, assert_none};

/// The crates, from the lowest layer up.
pub const ROOMS: &[&str] = &[
    "formats", "flow", "kernels", "sample", "text", "vocab", "cooccur", "train", "query",
    "pipeline", "cli", "wordmill",
];

/// The whole top level, except files whose name begins with a dot.
const TOP: &[&str] = &[
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "clippy.toml",
    "crates",
    "docs",
    "examples",
    "pipeline.toml",
    "rustfmt.toml",
    "tests",
    "tools",
];

fn misplaced(path: &str) -> Option<Finding> {
    let mut parts = path.split('/');
    let (top, inside) = (parts.next()?, parts.next());
    let what = match (top, inside) {
        ("crates", Some(room)) if !ROOMS.contains(&room) => "not a room",
        (".ci" | ".cargo" | ".github", Some(_)) => return None,
        (hidden, None) if hidden.starts_with('.') => return None,
        (top, _) if !TOP.contains(&top) => "does not belong at the top of the repository",
        _ => return None,
    };
    Some(Finding::new(path, 0, what))
}

#[test]
fn the_top_level_holds_only_what_belongs_there() {
    let paths = Repository::read().paths;
    assert_none(paths.iter().filter_map(|path| misplaced(path)).collect());
}

#[test]
fn misplaced_files_are_found() {
    for path in ["Cargo.toml", ".gitignore", ".ci/run", "crates/cli/src/lib.rs", "benches/a.rs"] {
        assert_eq!(misplaced(path), None, "{path}");
    }
    for path in ["src/lib.rs", "notes.md", "crates/util/src/lib.rs", "crates/a.rs", ".data/a"] {
        assert!(misplaced(path).is_some(), "{path}");
    }
}
