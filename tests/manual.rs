//! The manual: every command in README.md and in `docs` works as written.
//!
//! Terms: a *page* is a Markdown file, a *block* the lines between two of its fences. The blocks of a page run in
//! order, in one folder with `text.txt`, 300 KB of the built-in sample. A block of `sh` is a script that must succeed.
//! In a block of `console`, each line `$ COMMAND` is followed by its output; there `...` matches any lines and `[..]`
//! any text within a line. Other blocks do not run, nor do those of `bash`, which take long or need other programs.
//! `WORDMILL_GOLDEN=write` writes the output of `console` blocks that have no such marks.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Place, names};

/// A block of a page.
#[derive(Debug)]
struct Block {
    /// The first word after the opening fence.
    language: String,
    /// The line of the opening fence, from 1.
    line: usize,
    text: String,
}

/// All pages: names and texts.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = names(&root.join("docs")).into_iter().map(|name| format!("docs/{name}"));
    let pages = docs.filter(|name| name.ends_with(".md")).chain(["README.md".to_owned()]);
    pages.map(|name| (name.clone(), fs::read_to_string(root.join(&name)).unwrap())).collect()
}

fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                let language = language.split_whitespace().next().unwrap_or("").to_owned();
                open = Some(Block { language, line: number + 1, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => writeln!(block.text, "{line}").unwrap(),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed: {open:?}");
    blocks
}

/// A shell that finds the program by its name.
fn shell(place: &Place, script: &str) -> Command {
    let mut command = place.command(&[]);
    let program = PathBuf::from(command.get_program());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(program.parent().unwrap().to_path_buf());
    let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
    let mut shell = Command::new("sh");
    for (name, value) in command.stdin(Stdio::null()).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(["-euc", script]).env("PATH", path).current_dir(place.path(""));
    shell
}

/// The standard output of a script, which must succeed.
fn output(place: &Place, page: &str, block: &Block, script: &str) -> String {
    let output = shell(place, script).output().expect("there is a shell");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let at = block.line;
    assert!(output.status.success(), "{page}:{at}: {}\n{script}\n{stderr}", output.status);
    String::from_utf8(output.stdout).expect("the program prints UTF-8")
}

/// The commands of a `console` block with the output that the page shows.
fn dialogue(block: &Block) -> Vec<(&str, String)> {
    let mut dialogue: Vec<(&str, String)> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), dialogue.last_mut()) {
            (Some(command), _) => dialogue.push((command, String::new())),
            (None, Some((_, output))) => writeln!(output, "{line}").unwrap(),
            (None, None) => panic!("line {}: output before a command", block.line),
        }
    }
    dialogue
}

/// Runs the blocks of a page.
fn check(name: &str) {
    let (_, text) = pages().into_iter().find(|(page, _)| page == name).expect("a page");
    let place = Place::new("");
    fs::remove_file(place.path("pipeline.toml")).unwrap();
    let sample = place.wordmill(&["sample", "--bytes", "300KB"]).expect(0);
    place.write("text.txt", sample.stdout);
    let mut page = text.clone();
    for block in blocks(&text) {
        match block.language.as_str() {
            "sh" => drop(output(&place, name, &block, &block.text)),
            "console" => {
                let shown = converse(&place, name, &block);
                page = page.replacen(&block.text, &shown, 1);
            }
            _ => {}
        }
    }
    if page != text {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(name), page).unwrap();
    }
}

/// Runs a `console` block and compares the output; returns the block with the actual output.
fn converse(place: &Place, page: &str, block: &Block) -> String {
    let is_written = std::env::var("WORDMILL_GOLDEN").is_ok_and(|it| it == "write");
    let mut shown = String::new();
    for (command, expected) in dialogue(block) {
        let found = output(place, page, block, command);
        let has_marks = expected.contains("...") || expected.contains("[..]");
        if is_written && !has_marks {
            write!(shown, "$ {command}\n{found}").unwrap();
            continue;
        }
        write!(shown, "$ {command}\n{expected}").unwrap();
        let result = snapbox::Assert::new().try_eq(Some(&page), found.into(), expected.into());
        if let Err(error) = result {
            panic!("{page}:{}: {command}: the output has changed\n{error}", block.line);
        }
    }
    shown
}

#[test]
fn a_page_was_not_tried() {
    let listed = include_str!("manual.rs");
    for (name, text) in pages() {
        let runs = |block: &Block| ["sh", "console"].contains(&block.language.as_str());
        let line = format!("check(\"{name}\")");
        assert!(!blocks(&text).iter().any(runs) || listed.contains(&line), "add {line}");
    }
}

#[test]
fn a_link_led_nowhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in pages() {
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if target.starts_with("http") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => root.join(&name),
                file => root.join(&name).parent().unwrap().join(file),
            };
            assert!(path.exists(), "{name}: {target}");
            assert!(
                anchor.is_empty() || anchors(&path).contains(&anchor.to_owned()),
                "{name}: {target}"
            );
        }
    }
}

/// The anchors of the headings of a page.
fn anchors(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let heading = |line: &str| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    };
    text.lines().filter(|line| line.starts_with('#')).map(heading).collect()
}

#[test]
fn the_tutorial_did_not_work() {
    check("docs/tutorial.md");
}

#[test]
fn a_command_for_text_did_not_work() {
    check("docs/guides/reading-text.md");
    check("docs/guides/languages.md");
    check("docs/guides/phrases.md");
}

#[test]
fn a_command_for_runs_did_not_work() {
    check("docs/guides/large-corpora.md");
    check("docs/guides/slurm.md");
    check("docs/guides/troubleshooting.md");
    check("docs/explanation/same-bytes.md");
}

#[test]
fn a_command_for_training_did_not_work() {
    check("docs/guides/losses.md");
    check("docs/guides/matrix.md");
}

#[test]
fn a_command_for_vectors_did_not_work() {
    check("docs/guides/using-vectors.md");
    check("docs/reference/json.md");
}

#[test]
fn a_command_for_users_of_other_programs_did_not_work() {
    check("docs/guides/from-gensim.md");
    check("docs/guides/from-word2vec.md");
    check("docs/guides/from-fasttext.md");
    check("docs/guides/from-glove.md");
}

#[test]
fn a_command_of_the_readme_did_not_work() {
    check("README.md");
}
