//! Modules within a crate have no cyclic dependencies, direct or indirect, so each file can be read after those that it
//! uses. A file and its submodules may know each other in one direction only.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{Ties, ties};
use super::{Finding, Repository, Source, assert_none, layout::ROOMS};

fn circles(sources: &[&Source], root: &str) -> Vec<Finding> {
    let ties = ties(sources, root);
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        ties.keys().map(|file| (file, reached(&ties, file))).collect();
    let both = |a: &String, b: &String| {
        reached[a].contains(b) && reached.get(b).is_some_and(|it| it.contains(a))
    };
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for file in ties.keys().filter(|file| both(file, file)) {
        if !seen.insert(file) {
            continue;
        }
        let circle: Vec<&String> = ties.keys().filter(|other| both(file, other)).collect();
        seen.extend(&circle);
        let inside = |file: &&String| ties[*file].iter().filter(|(to, _)| circle.contains(to));
        let lines = circle.iter().flat_map(|file| {
            inside(file).map(move |(to, names)| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                format!("\n  {file} takes from {to}: {}", names.join(", "))
            })
        });
        let what = format!("a circle of {} files{}", circle.len(), lines.collect::<String>());
        found.push(Finding::new(file, 0, what));
    }
    found
}

/// All files that a file uses, directly or indirectly.
fn reached<'a>(ties: &'a Ties, file: &String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&String> = ties[file].keys().collect();
    while let Some(file) = waiting.pop() {
        if reached.insert(file) {
            waiting.extend(ties.get(file).into_iter().flat_map(BTreeMap::keys));
        }
    }
    reached
}

#[test]
fn modules_form_no_circle() {
    let repository = Repository::read();
    let of_room = |room: &&str| {
        let sources: Vec<&Source> =
            repository.rust().filter(|source| source.room() == *room && !source.is_test).collect();
        let root = format!("crates/{room}/src/lib.rs");
        assert!(sources.iter().any(|source| source.path == root), "{root} is there");
        circles(&sources, &root)
    };
    assert_none(ROOMS.iter().flat_map(of_room).collect());
}

/// The findings in a crate of these modules, the root first; the files of each cycle by their names.
fn check(modules: &[(&str, &str)], expected: &[&[&str]]) {
    let path = |name: &str| format!("crates/a/src/{name}.rs");
    let sources: Vec<Source> =
        modules.iter().map(|(name, text)| Source::new(&path(name), text)).collect();
    let sources: Vec<&Source> = sources.iter().collect();
    let found = circles(&sources, &path(modules[0].0));
    let files = |what: &str| -> BTreeSet<String> {
        let lines = what.lines().filter_map(|line| line.trim().split_once(" takes from "));
        lines.map(|(file, _)| file.to_owned()).collect()
    };
    let found: Vec<BTreeSet<String>> = found.iter().map(|finding| files(&finding.what)).collect();
    let expected: Vec<BTreeSet<String>> =
        expected.iter().map(|names| names.iter().map(|name| path(name)).collect()).collect();
    assert_eq!(found, expected, "{modules:?}");
}

#[test]
fn circles_are_found() {
    let root = ("lib", "mod a;\nmod b;\npub use a::A;");
    check(&[root, ("a", "use crate::b::B;"), ("b", "use std::fmt;")], &[]);
    check(&[root, ("a", "use crate::b::B;"), ("b", "use crate::a::{C, A as D};")], &[&["a", "b"]]);
    check(&[root, ("a", "use super::b;"), ("b", "fn b() -> super::a::A {}")], &[&["a", "b"]]);
    check(
        &[root, ("a", "use crate::b::B;"), ("b", "const B: u8 = crate::a::f();")],
        &[&["a", "b"]],
    );
    // The root re-exports what is defined in `a`.
    check(&[root, ("a", "struct A;"), ("b", "use crate::A;")], &[]);
    check(&[root, ("a", "use crate::b;"), ("b", "use crate::A;")], &[&["a", "b"]]);
    check(&[root, ("a", "use crate::F;"), ("b", "")], &[&["a", "lib"]]);
    let three =
        [("lib", "mod a;\nmod b;\nmod c;"), ("a", "use super::b::B;"), ("b", "use super::c::C;")];
    check(&[three[0], three[1], three[2], ("c", "fn c(a: crate::a::A) {}")], &[&["a", "b", "c"]]);
    check(&[three[0], three[1], three[2], ("c", "")], &[]);
}

#[test]
fn parents_and_children_know_each_other_in_one_direction() {
    let root = ("lib", "mod a;");
    let down = ("a", "mod b;\nuse b::B;");
    check(&[root, down, ("a/b", "struct B;")], &[]);
    check(&[root, ("a", "mod b;\nstruct A;"), ("a/b", "use super::A;")], &[]);
    check(&[root, down, ("a/b", "use super::A;")], &[&["a", "a/b"]]);
    check(
        &[root, ("a", "mod b;\npub use self::b::B;"), ("a/b", "use crate::a::A;")],
        &[&["a", "a/b"]],
    );
    check(&[root, ("a", "mod b;\nfn a() { b::b() }"), ("a/b", "use super::*;")], &[&["a", "a/b"]]);
    check(
        &[root, ("a", "mod b;\nmod c;\npub use c::C;"), ("a/b", "use super::C;"), ("a/c", "")],
        &[],
    );
}

#[test]
fn tests_comments_and_inner_modules_are_distinguished() {
    let root = ("lib", "mod a;\nmod b;");
    let a = ("a", "use crate::b::B;");
    for b in [
        "// use crate::a::A;",
        "#[cfg(test)]\nmod tests {\nuse crate::a::A;\n}",
        "#[cfg(test)]\nuse crate::a::A;\nfn b() {}",
        "fn b() { \"crate::a::A\" }",
        "mod inner {\nuse super::*;\nfn a() { super::b() }\n}",
        "macro_rules! m { ($m:ident) => { mod $m { use super::*; } } }",
    ] {
        check(&[root, a, ("b", b)], &[]);
    }
    check(&[root, a, ("b", "mod inner {\nuse super::super::a::A;\n}")], &[&["a", "b"]]);
    check(&[root, a, ("b", "macro_rules! m { () => { crate::a::A } }")], &[&["a", "b"]]);
}
