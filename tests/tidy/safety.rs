//! Where `unsafe` is allowed, and that every block says why it is sound.

use super::{Finding, Source, assert_found, assert_none, check, lexer, sources::Repository};

/// Files, and folders with a slash at the end, in which `unsafe` may be written.
const UNSAFE_PLACES: &[&str] =
    &["crates/formats/src/disk.rs", "crates/kernels/", "benches/kernels.rs"];
/// The most lines between a note and its block.
const NOTE_LINES_MAX: usize = 4;

fn is_in(source: &Source, place: &str) -> bool {
    match place.ends_with('/') {
        true => source.path.starts_with(place),
        false => source.path == place,
    }
}

fn unsafe_place(source: &Source) -> Vec<Finding> {
    if UNSAFE_PLACES.iter().any(|place| is_in(source, place)) {
        return Vec::new();
    }
    let lines = lexer::word_lines(&source.split.code, "unsafe").into_iter();
    lines.map(|line| Finding::new(&source.path, line, "`unsafe` is not allowed here")).collect()
}

fn safety_note(source: &Source) -> Vec<Finding> {
    let comments: Vec<&str> = source.split.comments.lines().collect();
    let noted = |&line: &usize| {
        let above = &comments[line.saturating_sub(1 + NOTE_LINES_MAX)..line];
        above.iter().any(|comment| comment.contains("SAFETY:"))
    };
    let blocks = lexer::unsafe_blocks(&source.split.code).into_iter();
    blocks
        .filter(|line| !noted(line))
        .map(|line| Finding::new(&source.path, line, "an unsafe block without `// SAFETY:`"))
        .collect()
}

/// Crate roots that must forbid `unsafe`: all but those with a place for it.
fn must_forbid(path: &str, repository: &Repository) -> bool {
    let root = path == "crates/wordmill/src/main.rs"
        || path == "tests/main.rs"
        || path.starts_with("crates/") && path.ends_with("/src/lib.rs");
    let room = path.trim_end_matches("lib.rs");
    let has_place = |path: &String| {
        let mut places = UNSAFE_PLACES.iter();
        path.starts_with(room) && places.any(|place| path.starts_with(place))
    };
    root && !repository.paths.iter().any(has_place)
}

fn forbids(source: &Source) -> Vec<Finding> {
    let forbidden = source.split.code.contains("#![forbid(unsafe_code)]");
    let what = "the crate does not say #![forbid(unsafe_code)]";
    (!forbidden).then(|| Finding::new(&source.path, 1, what)).into_iter().collect()
}

#[test]
fn unsafe_is_in_allowed_places_only() {
    check(unsafe_place);
    let repository = Repository::read();
    let is_used = |place: &&&str| {
        let mut sources = repository.rust().filter(|source| is_in(source, place));
        sources.any(|source| !lexer::word_lines(&source.split.code, "unsafe").is_empty())
    };
    let needless = UNSAFE_PLACES.iter().filter(|place| !is_used(place));
    let what = "`unsafe` is allowed, but not used";
    assert_none(needless.map(|place| Finding::new(place, 0, what)).collect());
}

#[test]
fn every_unsafe_block_says_why() {
    check(safety_note);
}

#[test]
fn crates_without_a_place_forbid_unsafe() {
    let repository = Repository::read();
    let roots = repository.rust().filter(|source| must_forbid(&source.path, &repository));
    let roots: Vec<&Source> = roots.collect();
    assert!(roots.len() >= 6, "only {} crate roots found", roots.len());
    assert_none(roots.into_iter().flat_map(forbids).collect());
}

#[test]
fn misplaced_unsafe_is_found() {
    let text = "//! unsafe\n#![forbid(unsafe_code)]\n\nfn a() { unsafe { b() } }\n";
    assert_found(unsafe_place, "crates/flow/src/a.rs", text, &[4]);
    assert_found(unsafe_place, "crates/formats/src/tensor.rs", text, &[4]);
    assert_found(unsafe_place, "crates/formats/src/disk.rs", text, &[]);
    assert_found(unsafe_place, "crates/kernels/src/arch/avx2.rs", text, &[]);
    assert_found(unsafe_place, "crates/train/tests/a.rs", text, &[4]);
    assert_found(unsafe_place, "crates/kernels/tests/guard.rs", text, &[]);
}

#[test]
fn unexplained_blocks_are_found() {
    let path = "crates/kernels/src/a.rs";
    assert_found(safety_note, path, "// SAFETY: because.\nunsafe { a() }", &[]);
    assert_found(safety_note, path, "unsafe { a() } // SAFETY: because.", &[]);
    assert_found(safety_note, path, "\nlet s = \"SAFETY:\";\nunsafe { a() }", &[3]);
    assert_found(safety_note, path, &format!("// SAFETY: far.{}unsafe {{}}", "\n".repeat(6)), &[7]);
    assert_found(safety_note, path, "unsafe fn a() {}", &[]);
}

#[test]
fn crates_that_do_not_forbid_are_found() {
    assert_found(forbids, "crates/flow/src/lib.rs", "// #![forbid(unsafe_code)]\n", &[1]);
    assert_found(forbids, "crates/flow/src/lib.rs", "//! A.\n#![forbid(unsafe_code)]\n", &[]);
    let repository = |paths: &[&str]| Repository {
        sources: Vec::new(),
        paths: paths.iter().map(|path| path.to_string()).collect(),
    };
    let (formats, disk) = ("crates/formats/src/lib.rs", "crates/formats/src/disk.rs");
    assert!(must_forbid(formats, &repository(&[formats])));
    assert!(!must_forbid(formats, &repository(&[formats, disk])));
    assert!(!must_forbid("crates/flow/src/budget.rs", &repository(&[])));
}
