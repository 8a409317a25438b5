//! The rules of the repository, as tests: a rule that a machine can check is checked here, on every
//! file that git would commit.
//!
//! A *rule* is a function from a [`Source`] (or from all of them) to [`Finding`]s. A test runs it on
//! the repository with [`check`], and a self-test runs it on a snippet that breaks it, with
//! [`assert_found`]. Nothing here is a parser: [`lexer`] separates code from comments and strings,
//! and that is enough. Formatting, lints and documentation are left to cargo.

mod lexer;
mod modules;
mod sources;

mod circles;
mod layout;
mod manifests;
mod process;
mod reals;
mod safety;
mod shape;
mod words;

use std::fmt;

use sources::{Repository, Source};

/// A place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// From 1; 0 means the whole file.
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Runs a rule on every Rust file of the repository.
fn check(rule: fn(&Source) -> Vec<Finding>) {
    assert_none(Repository::read().rust().flat_map(rule).collect());
}

fn assert_none(findings: Vec<Finding>) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} places break this rule:\n{}\n", lines.len(), lines.join("\n"));
}

/// Runs a rule on one file and compares the lines that it finds.
fn assert_found(rule: fn(&Source) -> Vec<Finding>, path: &str, text: &str, expected: &[usize]) {
    let found: Vec<usize> =
        rule(&Source::new(path, text)).iter().map(|finding| finding.line).collect();
    assert_eq!(found, expected, "{path}:\n{text}");
}
