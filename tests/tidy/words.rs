//! Words that are not allowed in the repository. The patterns are put together from pieces, so that
//! this file does not contain what it bans.

use super::{Finding, Source, assert_found, assert_none, check, lexer, sources::Repository};

/// Markers of unfinished code.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!"];
const NOTES: &[&str] = &[concat!("FIX", "ME"), concat!("TO", "DO"), concat!("X", "XX")];
/// Folders of one machine; the last one is allowed in tests.
const PLACES: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/tm", "p/")];

/// Phrases of a private dialect, and what is meant. They are put together, too.
const DIALECT: &[(&str, &str)] = &[
    (concat!("is ", "told"), "is reported"),
    (concat!("are ", "told"), "are reported"),
    (concat!("was ", "told"), "was reported"),
    (concat!("were ", "told"), "were reported"),
    (concat!("be ", "told"), "be reported"),
    (concat!("an", "ew"), "again, rebuilt"),
    (concat!("is ", "made of"), "its source, its parts"),
    (concat!("are ", "made of"), "their source, their parts"),
    (concat!("stands ", "in"), "is in, occurs in"),
    (concat!("stand ", "in"), "are in, occur in"),
    (concat!("stands ", "there"), "is there, occurs"),
    (concat!("stand ", "there"), "are there, occur"),
    (concat!("stands ", "beside"), "is beside"),
    (concat!("stands ", "between"), "is between"),
    (concat!("so ", "many"), "at most N, this many"),
    (concat!("of ", "theirs"), "their"),
    (concat!("thinned ", "out"), "subsampled"),
];
/// Where plain words are the rule.
const PLAIN: &[&str] = &["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/", "examples/"];

/// Lines that may say it: in a file, what else is on the line.
const MEANT: &[(&str, &str)] = &[];

fn dialect(source: &Source) -> Vec<Finding> {
    if !PLAIN.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let text = source.text.to_lowercase();
    let lines: Vec<&str> = text.lines().collect();
    let is_meant = |line: usize| {
        let meant =
            |(path, words): &(&str, &str)| source.path == *path && lines[line - 1].contains(words);
        MEANT.iter().any(meant)
    };
    let each = |(phrase, plain): &(&str, &str)| {
        let found = lexer::word_lines(&text, phrase).into_iter().filter(|&line| !is_meant(line));
        let what = format!("`{phrase}`: say it plainly, such as {plain}");
        found.map(|line| Finding::new(&source.path, line, what.clone())).collect::<Vec<_>>()
    };
    DIALECT.iter().flat_map(each).collect()
}

fn findings(source: &Source, text: &str, words: &[&str], why: &str) -> Vec<Finding> {
    let each = |word: &&str| {
        let lines = lexer::word_lines(text, word).into_iter();
        let what = format!("`{word}`: {why}");
        lines.map(move |line| Finding::new(&source.path, line, what.clone()))
    };
    words.iter().flat_map(each).collect()
}

fn unfinished(source: &Source) -> Vec<Finding> {
    let why = "unfinished code is not committed";
    let mut found = findings(source, &source.split.code, UNFINISHED, why);
    let why = "an open end belongs in the tracker, not in the source";
    found.extend(findings(source, &source.text, NOTES, why));
    found
}

fn ignored_tests(source: &Source) -> Vec<Finding> {
    let lines = source.split.code.lines().zip(1..);
    let ignored = lines.filter(|(line, _)| line.contains("#[ignore"));
    ignored
        .map(|(_, line)| Finding::new(&source.path, line, "a test that is not run is no test"))
        .collect()
}

fn sleeping_tests(source: &Source) -> Vec<Finding> {
    let mut found = findings(
        source,
        &source.split.code,
        &["thread::sleep"],
        "a test waits for events, not for time",
    );
    found.retain(|finding| source.is_test_line(finding.line));
    found
}

fn machine_paths(source: &Source) -> Vec<Finding> {
    let why = "a path of one machine";
    let mut found: Vec<Finding> = source
        .text
        .lines()
        .zip(1..)
        .flat_map(|(line, number)| {
            let in_line = PLACES.iter().filter(move |place| line.contains(**place));
            in_line.map(move |place| (*place, number))
        })
        .map(|(place, line)| Finding::new(&source.path, line, format!("`{place}`: {why}")))
        .collect();
    found
        .retain(|finding| !(finding.what.contains(PLACES[3]) && source.is_test_line(finding.line)));
    found
}

#[test]
fn nothing_is_left_unfinished() {
    check(unfinished);
}

#[test]
fn every_test_is_run() {
    check(ignored_tests);
}

#[test]
fn no_test_sleeps() {
    check(sleeping_tests);
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    let sources = Repository::read().sources;
    assert_none(sources.iter().flat_map(machine_paths).collect());
}

#[test]
fn words_are_plain() {
    let sources = Repository::read().sources;
    assert_none(sources.iter().flat_map(dialect).collect());
}

#[test]
fn a_private_dialect_is_found() {
    for (phrase, _) in DIALECT {
        assert_found(dialect, "README.md", &format!("\nIt {phrase} x"), &[2]);
        assert_found(dialect, "README.md", &format!("\nIt{phrase} x"), &[]);
        assert_found(dialect, "Cargo.lock", &format!("It {phrase} x"), &[]);
    }
}

#[test]
fn unfinished_code_is_found() {
    assert_found(unfinished, "a.rs", "fn a() { todo!() }", &[1]);
    assert_found(unfinished, "a.rs", "\nlet a = dbg!(b);", &[2]);
    assert_found(unfinished, "a.rs", "unimplemented!(\"b\")", &[1]);
    assert_found(unfinished, "a.rs", "// todo! is a macro; my_dbg!()", &[]);
    for word in NOTES {
        assert_found(unfinished, "a.rs", &format!("\n// {word}: later"), &[2]);
        assert_found(unfinished, "a.rs", &format!("// {word}S_OF"), &[]);
    }
}

#[test]
fn ignored_tests_are_found() {
    assert_found(ignored_tests, "a.rs", "#[test]\n#[ignore]\nfn a() {}", &[2]);
    assert_found(ignored_tests, "a.rs", "#[ignore = \"slow\"]", &[1]);
    assert_found(ignored_tests, "a.rs", "// #[ignore]\n\"#[ignore]\"", &[]);
}

#[test]
fn sleeping_tests_are_found() {
    let sleep = "std::thread::sleep(wait)";
    assert_found(sleeping_tests, "tests/a.rs", sleep, &[1]);
    assert_found(sleeping_tests, "crates/flow/src/a.rs", sleep, &[]);
    let inline = format!("#[cfg(test)]\nmod tests {{\nfn a() {{ {sleep} }}\n}}");
    assert_found(sleeping_tests, "crates/flow/src/a.rs", &inline, &[3]);
}

#[test]
fn machine_paths_are_found() {
    for place in &PLACES[..3] {
        assert_found(machine_paths, "README.md", &format!("\nsee {place}a"), &[2]);
        assert_found(machine_paths, "tests/a.rs", &format!("\"{place}a\""), &[1]);
    }
    assert_found(machine_paths, "tests/a.rs", &format!("\"{}a\"", PLACES[3]), &[]);
    assert_found(machine_paths, "crates/a/src/b.rs", &format!("\"{}a\"", PLACES[3]), &[1]);
}
