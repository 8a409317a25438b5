//! The files that the rules check: those that git would commit, or without git those in the folders
//! of the workspace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::lexer::{self, Split};

/// One text file.
#[derive(Clone, Debug)]
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
    /// Code and comments, split; only for Rust files.
    pub split: Split,
    /// Whether everything in it is test code.
    pub is_test: bool,
    test_items: Vec<(usize, usize)>,
}

impl Source {
    /// A file by its path and text.
    pub fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { text } else { "" };
        let split = lexer::split(code);
        let test_items = lexer::test_items(&split.code);
        Self {
            path: path.into(),
            text: text.into(),
            split,
            is_test: path.split('/').any(|part| part == "tests"),
            test_items,
        }
    }

    /// Whether a line is test code.
    pub fn is_test_line(&self, line: usize) -> bool {
        let inside = |&(first, last): &(usize, usize)| (first..=last).contains(&line);
        self.is_test || self.test_items.iter().any(inside)
    }

    /// Lines without those of inline tests.
    pub fn plain_lines(&self) -> usize {
        let tests = self.test_items.iter().map(|(first, last)| last - first + 1);
        self.text.lines().count() - tests.sum::<usize>()
    }

    /// The folder of the crate: `crates/flow`, or nothing for the root package.
    pub fn room(&self) -> &str {
        let mut parts = self.path.split('/');
        match (parts.next(), parts.next()) {
            (Some("crates"), Some(room)) => room,
            _ => "",
        }
    }
}

/// All files.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Sorted by path.
    pub sources: Vec<Source>,
    /// Every path, also of files that are not text.
    pub paths: Vec<String>,
}

impl Repository {
    /// The repository that this test was compiled in.
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let paths = listed_by_git(root).unwrap_or_else(|| found_in_folders(root));
        let text = |path: &String| {
            let text = std::fs::read_to_string(root.join(path)).ok()?;
            Some(Source::new(path, &text))
        };
        let mut sources: Vec<Source> = paths.iter().filter_map(text).collect();
        assert!(sources.len() > 50, "only {} files found", sources.len());
        mark_tests(&mut sources);
        Self { sources, paths }
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &Source> {
        let rust = |source: &&Source| source.path.ends_with(".rs");
        self.sources.iter().filter(rust)
    }

    /// The manifests of the workspace.
    pub fn manifests(&self) -> impl Iterator<Item = &Source> {
        let manifest = |path: &str| path == "Cargo.toml" || path.ends_with("/Cargo.toml");
        let tool = |path: &str| path.starts_with("tools/");
        self.sources.iter().filter(move |source| manifest(&source.path) && !tool(&source.path))
    }

    /// The manifests of the tools.
    pub fn tools(&self) -> impl Iterator<Item = &Source> {
        let manifest = |path: &str| path.starts_with("tools/") && path.ends_with("/Cargo.toml");
        self.sources.iter().filter(move |source| manifest(&source.path))
    }
}

/// Files that git knows or would add; `None` if this is not a work tree or there is no git.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let text = String::from_utf8(listed.stdout).ok()?;
    let there = |path: &&str| !path.is_empty() && root.join(path).is_file();
    let paths: BTreeSet<String> = text.split('\0').filter(there).map(str::to_owned).collect();
    (listed.status.success() && !paths.is_empty()).then(|| paths.into_iter().collect())
}

/// Files of an unpacked archive, except those that cargo and wordmill write.
fn found_in_folders(root: &Path) -> Vec<String> {
    let ours = |name: &str| name != "target" && name != ".git" && !name.starts_with("run");
    let top = names(root);
    let (files, folders): (Vec<_>, Vec<_>) = top
        .into_iter()
        .filter(|name| ours(name) || name == "rustfmt.toml")
        .partition(|name| root.join(name).is_file());
    let inside = folders.iter().flat_map(|folder| walk(root, Path::new(folder)));
    let mut paths: Vec<String> = inside.chain(files).collect();
    paths.sort();
    paths
}

fn walk(root: &Path, folder: &Path) -> Vec<String> {
    let each = |name: String| {
        let path: PathBuf = folder.join(name);
        match root.join(&path).is_dir() {
            true => walk(root, &path),
            false => vec![path.to_string_lossy().replace('\\', "/")],
        }
    };
    names(&root.join(folder)).into_iter().flat_map(each).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect()
}

/// Marks the files of modules that are declared under `#[cfg(test)]`.
fn mark_tests(sources: &mut [Source]) {
    let roots: Vec<String> = sources.iter().flat_map(test_module_stems).collect();
    for source in sources {
        let within = |stem: &String| {
            let rest = source.path.strip_prefix(stem.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        source.is_test |= roots.iter().any(within);
    }
}

/// `a/b/tests` for each test module `tests` that `a/b.rs` or `a/b/mod.rs` declares.
fn test_module_stems(source: &Source) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let home = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder,
        _ => source.path.trim_end_matches(".rs"),
    };
    let modules = lexer::test_modules(&source.split.code).into_iter();
    modules.map(|name| format!("{home}/{name}")).collect()
}

#[test]
fn test_code_is_known() {
    let parent = Source::new("crates/a/src/lib.rs", "#[cfg(test)]\nmod oracle;\nmod b;");
    let inline = Source::new("crates/a/src/b.rs", "fn x() {}\n#[cfg(test)]\nmod tests {\n}\n");
    assert_eq!(inline.plain_lines(), 1);
    assert!(inline.is_test_line(3) && !inline.is_test_line(1));
    let mut sources = [
        parent,
        inline,
        Source::new("crates/a/src/oracle.rs", ""),
        Source::new("crates/a/tests/c.rs", ""),
    ];
    mark_tests(&mut sources);
    assert_eq!(sources.map(|source| source.is_test), [false, false, true, true]);
}

#[test]
fn folders_give_what_git_gives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = found_in_folders(root);
    let known = |path: &str| found.iter().any(|other| other == path);
    assert!(known("Cargo.toml") && known("rustfmt.toml") && known("tests/tidy/sources.rs"));
    assert!(!found.iter().any(|path| path.starts_with("target/")));
}
