//! The shape of a file: its opening comment, its length, the length of its functions and of its
//! lines.

use super::{Finding, Source, assert_found, assert_none, check, lexer, sources::Repository};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;
const LINE_COLUMNS_MAX: usize = 140;
/// Documents that the program generates; rows of their tables cannot be broken.
const GENERATED: &str = "docs/reference/";

/// Files that are longer, with the length that they must not exceed. The list only shrinks.
const RATCHET: &[(&str, usize)] = &[];

fn door_sign(source: &Source) -> Vec<Finding> {
    let missing = !source.text.starts_with("//! ");
    let what = "the file does not open with `//!`: say what it is, its terms, what it leaves out";
    missing.then(|| Finding::new(&source.path, 1, what)).into_iter().collect()
}

fn function_length(source: &Source) -> Vec<Finding> {
    let functions = lexer::functions(&source.split.code).into_iter();
    let long = functions.filter(|function| function.lines > FUNCTION_LINES_MAX);
    long.map(|function| {
        let what = format!(
            "fn {} has {} lines, at most {FUNCTION_LINES_MAX} are allowed",
            function.name, function.lines
        );
        Finding::new(&source.path, function.line, what)
    })
    .collect()
}

fn file_length(source: &Source) -> Vec<Finding> {
    file_length_with(RATCHET, source)
}

fn file_length_with(ratchet: &[(&str, usize)], source: &Source) -> Vec<Finding> {
    let listed = ratchet.iter().find(|(path, _)| *path == source.path);
    let lines = source.plain_lines();
    let what = match listed {
        Some((_, max)) if lines > *max => format!("{lines} lines, {max} in the ratchet list"),
        Some(_) if lines <= FILE_LINES_MAX => "short enough: take it off the ratchet list".into(),
        None if lines > FILE_LINES_MAX => {
            format!("{lines} lines without inline tests, think at {FILE_LINES_MAX}: cut it")
        }
        _ => return Vec::new(),
    };
    vec![Finding::new(&source.path, lines, what)]
}

fn line_width(source: &Source) -> Vec<Finding> {
    if source.path.starts_with(GENERATED) {
        return Vec::new();
    }
    let lines = source.text.lines().zip(1..);
    // A row of a table cannot be broken.
    let is_row = |line: &str| source.path.ends_with(".md") && line.starts_with('|');
    let wide = lines.filter(|(line, _)| line.chars().count() > LINE_COLUMNS_MAX && !is_row(line));
    wide.map(|(_, line)| Finding::new(&source.path, line, "the line is too long")).collect()
}

#[test]
fn every_file_has_an_opening_comment() {
    check(door_sign);
}

#[test]
fn no_function_is_longer_than_70_lines() {
    check(function_length);
}

#[test]
fn no_file_is_longer_than_500_lines() {
    check(file_length);
    let repository = Repository::read();
    let there = |path: &str| repository.paths.iter().any(|other| other == path);
    let gone = RATCHET.iter().filter(|(path, _)| !there(path));
    assert_none(
        gone.map(|(path, _)| Finding::new(path, 0, "in the ratchet list, but gone")).collect(),
    );
}

#[test]
fn no_line_is_wider_than_140_columns() {
    let written = |source: &&Source| {
        let name = source.path.rsplit('/').next().unwrap();
        [".rs", ".toml", ".md"].iter().any(|end| name.ends_with(end)) || name == "run"
    };
    let sources = Repository::read().sources;
    assert_none(sources.iter().filter(written).flat_map(line_width).collect());
}

#[test]
fn missing_opening_comments_are_found() {
    assert_found(door_sign, "a.rs", "//! A file.\nfn a() {}\n", &[]);
    assert_found(door_sign, "a.rs", "// A file.\nfn a() {}\n", &[1]);
    assert_found(door_sign, "a.rs", "#![forbid(unsafe_code)]\n//! A file.\n", &[1]);
    assert_found(door_sign, "a.rs", "", &[1]);
}

#[test]
fn long_functions_are_found() {
    let function = |lines: usize| format!("\nfn a() {{{}}}\n", "\n".repeat(lines - 1));
    assert_found(function_length, "a.rs", &function(70), &[]);
    assert_found(function_length, "a.rs", &function(71), &[2]);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(71));
    assert_found(function_length, "a.rs", &tests, &[4]);
    assert_found(function_length, "a.rs", &format!("/*{}*/", function(71)), &[]);
}

#[test]
fn long_files_are_found() {
    let found = |ratchet: &[(&str, usize)], text: &str| {
        file_length_with(ratchet, &Source::new("a.rs", text)).len()
    };
    assert_eq!(found(&[], &"\n".repeat(500)), 0);
    assert_eq!(found(&[], &"\n".repeat(501)), 1);
    let tests = format!("#[cfg(test)]\nmod tests {{{}}}\n", "\n".repeat(501));
    assert_eq!(found(&[], &tests), 0);
    assert_eq!(found(&[("a.rs", 510)], &"\n".repeat(510)), 0);
    assert_eq!(found(&[("a.rs", 510)], &"\n".repeat(511)), 1);
    assert_eq!(found(&[("a.rs", 510)], &"\n".repeat(400)), 1, "a stale entry");
}

#[test]
fn wide_lines_are_found() {
    assert_found(line_width, "a.rs", &format!("\n{}\n", "é".repeat(140)), &[]);
    assert_found(line_width, "a.rs", &format!("\n{}\n", "é".repeat(141)), &[2]);
    assert_found(line_width, "docs/reference/a.md", &"a".repeat(141), &[]);
    assert_found(line_width, "a.md", &format!("| {} |", "a".repeat(141)), &[]);
    assert_found(line_width, "a.rs", &format!("| {} |", "a".repeat(141)), &[1]);
}
