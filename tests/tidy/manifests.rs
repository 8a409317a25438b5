//! The rules of manifests: which crate may use which, which packages a crate may use, and that
//! every crate takes its version and its lints from the workspace.

use toml::{Table, Value};

use super::layout::ROOMS;
use super::{Finding, Repository, Source, assert_none, lexer};

/// A crate, the crates that it may use, and the external packages that it may use. A new dependency
/// is a decision: it needs a permissive licence, a small dependency tree, and a reason in the
/// commit message.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    (
        "formats",
        &[],
        &[
            "arrow-array",
            "arrow-ipc",
            "arrow-schema",
            "bytemuck",
            "bytes",
            "bzip2",
            "flate2",
            "half",
            "liblzma",
            "memmap2",
            "parquet",
            "rustix",
            "schemars",
            "serde",
            "serde_json",
            "signal-hook",
            "sprs",
            "tempfile",
            "thiserror",
            "xxhash-rust",
            "zstd",
        ],
    ),
    ("flow", &[], &["crossbeam-channel", "serde", "thiserror"]),
    ("kernels", &[], &[]),
    ("sample", &[], &["rand_xoshiro"]),
    (
        "text",
        &["formats", "flow", "sample"],
        &[
            "arrow-array",
            "arrow-schema",
            "bzip2",
            "chardetng",
            "encoding_rs",
            "flate2",
            "foldhash",
            "icu_segmenter",
            "liblzma",
            "memchr",
            "parquet",
            "quick-xml",
            "rand_xoshiro",
            "rustix",
            "schemars",
            "serde",
            "serde_json",
            "simdutf8",
            "tempfile",
            "thiserror",
            "tokenizers",
            "unicode-normalization",
            "unicode-segmentation",
            "zstd",
        ],
    ),
    // It uses logarithms and powers of the kernels; its tests read the sample.
    (
        "vocab",
        &["formats", "flow", "kernels", "text", "sample"],
        &[
            "foldhash",
            "hashbrown",
            "memchr",
            "rand_xoshiro",
            "schemars",
            "serde",
            "serde_json",
            "tempfile",
            "thiserror",
            "xxhash-rust",
        ],
    ),
    // It uses random numbers, logarithms and powers of the kernels.
    ("cooccur", &["formats", "flow", "kernels"], &["schemars", "serde", "serde_json", "thiserror"]),
    (
        "train",
        &["formats", "flow", "kernels"],
        &["rand_xoshiro", "schemars", "serde", "serde_json", "thiserror"],
    ),
    ("query", &["formats", "kernels"], &["serde", "serde_json", "strsim", "thiserror"]),
    (
        "pipeline",
        &["formats", "flow", "kernels", "sample", "text", "vocab", "cooccur", "train", "query"],
        &["schemars", "serde", "serde_json", "strsim", "thiserror", "toml"],
    ),
    (
        "cli",
        &[
            "formats", "flow", "kernels", "sample", "text", "vocab", "cooccur", "train", "query",
            "pipeline",
        ],
        &[
            "anyhow",
            "clap",
            "clap_complete",
            "clap_mangen",
            "rustyline",
            "serde",
            "serde_json",
            "signal-hook",
            "terminal_size",
            "thiserror",
        ],
    ),
    (
        "",
        &[
            "formats", "flow", "kernels", "sample", "text", "vocab", "cooccur", "train", "query",
            "pipeline", "cli",
        ],
        &["criterion", "flate2", "peak_alloc", "serde_json", "snapbox", "tempfile", "toml", "zstd"],
    ),
];

/// Packages that a tool may use beside those of the crates. A tool is a separate workspace, so its
/// dependencies are not built with anything else; it inherits nothing.
const OF_TOOLS: &[(&str, &[&str])] =
    &[("tools/fuzz/Cargo.toml", &["libfuzzer-sys", "peak_alloc", "serde_json", "tempfile"])];

/// Keys of `[package]` that are the same everywhere.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

fn manifest(source: &Source) -> Table {
    source.text.parse().unwrap_or_else(|error| panic!("{}: {error}", source.path))
}

/// Every dependency of a manifest: for building, testing, and on some targets only.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let of = |table: &Table| -> Vec<(String, Value)> {
        let tables = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
        let pairs = tables.flatten().map(|(name, value)| (name.clone(), value.clone()));
        pairs.collect()
    };
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let on_targets = targets.filter_map(Value::as_table).flat_map(of);
    of(manifest).into_iter().chain(on_targets).collect()
}

fn arrows(source: &Source) -> Vec<Finding> {
    let room = source.room();
    let allowed = ALLOWED.iter().find(|(name, ..)| *name == room);
    let Some((_, rooms, packages)) = allowed else {
        return vec![Finding::new(&source.path, 0, "a room that is not in the table")];
    };
    let refuse = |(name, _): (String, Value)| {
        let what = match name.strip_prefix("wordmill-") {
            Some(used) if rooms.contains(&used) => return None,
            Some(used) => format!("room `{room}` must not use room `{used}`"),
            None if packages.contains(&name.as_str()) => return None,
            None => format!("`{name}` is not on the list of packages of `{room}`"),
        };
        Some(Finding::new(&source.path, 0, what))
    };
    let used = dependencies(&manifest(source));
    used.into_iter().filter_map(refuse).collect()
}

fn inheritance(source: &Source) -> Vec<Finding> {
    let manifest = manifest(source);
    let inherits = |value: Option<&Value>| {
        let key = value.and_then(|value| value.get("workspace"));
        key.and_then(Value::as_bool) == Some(true)
    };
    let package = manifest.get("package");
    let keys = INHERITED.iter();
    let keys = keys.filter(|key| !inherits(package.and_then(|package| package.get(key))));
    let keys = keys.map(|key| format!("package.{key} is not taken from the workspace"));
    let used = dependencies(&manifest).into_iter();
    let used = used.filter(|(_, value)| !inherits(Some(value)));
    let used = used.map(|(name, _)| format!("the version of `{name}` is not the workspace's"));
    let lints =
        (!inherits(manifest.get("lints"))).then(|| "[lints] workspace = true is missing".into());
    keys.chain(used).chain(lints).map(|what| Finding::new(&source.path, 0, what)).collect()
}

/// Names in the list of a crate that its manifest does not have.
fn needless(source: &Source) -> Vec<Finding> {
    let allowed = ALLOWED.iter().find(|(name, ..)| *name == source.room());
    let Some((_, rooms, packages)) = allowed else { return Vec::new() };
    let used = dependencies(&manifest(source));
    let is_used = |name: &str| used.iter().any(|(used, _)| used == name);
    let rooms = rooms.iter().map(|room| format!("wordmill-{room}"));
    let listed = rooms.chain(packages.iter().map(ToString::to_string));
    listed
        .filter(|name| !is_used(name))
        .map(|name| {
            format!("`{name}` is on the list of `{}`, but not in the manifest", source.room())
        })
        .map(|what| Finding::new(&source.path, 0, what))
        .collect()
}

/// Dependencies of a manifest that no file of its package names: of the package itself for `[dependencies]`, of its
/// tests, too, for `[dev-dependencies]`. Dependencies named by a feature are used. The root package also names its
/// crates for its tests and benches.
fn unnamed(source: &Source, code: &[&Source]) -> Vec<Finding> {
    let manifest = manifest(source);
    let features = manifest.get("features").map(Value::to_string).unwrap_or_default();
    let is_test = |source: &Source, line: usize| {
        let is_apart = ["benches/", "examples/"].iter().any(|it| source.path.contains(it));
        !source.room().is_empty() && (is_apart || source.is_test_line(line))
    };
    let names = |name: &str, with_tests: bool| {
        let name = name.replace('-', "_");
        code.iter().any(|source| {
            let lines = lexer::word_lines(&source.split.code, &name);
            lines.into_iter().any(|line| with_tests || !is_test(source, line))
        })
    };
    let of = |kind: &str| manifest.get(kind).and_then(Value::as_table).cloned().unwrap_or_default();
    let (plain, of_tests) = (of("dependencies"), of("dev-dependencies"));
    let is_of_feature = |name: &str| {
        features.contains(&format!("{name}/")) || features.contains(&format!("{name}\""))
    };
    let plain = plain.keys().filter(|name| !is_of_feature(name) && !names(name, false));
    let of_tests = of_tests.keys().filter(|name| !names(name, true));
    plain
        .chain(of_tests)
        .map(|name| Finding::new(&source.path, 0, format!("`{name}` is not used")))
        .collect()
}

/// The files of the package of a manifest. The root package has those of the facade, tests and benches;
/// `tests/hostile.rs` also has the checks of the fuzzer.
fn files_of<'a>(manifest: &Source, repository: &'a Repository) -> Vec<&'a Source> {
    let folder = manifest.path.trim_end_matches("Cargo.toml");
    let is_inside = |source: &&Source| match folder {
        "" if source.path.starts_with("tools/") => source.path.starts_with("tools/fuzz/checks/"),
        "" => matches!(source.room(), "" | "wordmill"),
        folder => source.path.starts_with(folder),
    };
    repository.rust().filter(is_inside).collect()
}

#[test]
fn what_is_listed_is_used() {
    let repository = Repository::read();
    assert_none(repository.manifests().flat_map(needless).collect());
    let manifests = repository.manifests().chain(repository.tools());
    let found: Vec<Finding> =
        manifests.flat_map(|it| unnamed(it, &files_of(it, &repository))).collect();
    assert_none(found);
    let root =
        repository.manifests().find(|source| source.path == "Cargo.toml").expect("it is there");
    let shared =
        manifest(root)["workspace"]["dependencies"].as_table().cloned().unwrap_or_default();
    let used: Vec<_> = repository.manifests().flat_map(|it| dependencies(&manifest(it))).collect();
    let unused = shared.keys().filter(|name| used.iter().all(|(used, _)| used != *name));
    let what = |name| format!("`{name}` of the workspace is used by no room");
    assert_none(unused.map(|name| Finding::new(&root.path, 0, what(name))).collect());
}

#[test]
fn rooms_use_only_what_they_may() {
    let repository = Repository::read();
    assert!(repository.manifests().count() >= ROOMS.len());
    assert_none(repository.manifests().flat_map(arrows).collect());
}

/// A tool is not a member of the workspace, keeps a lock file and uses packages from its list only.
fn tool(source: &Source) -> Vec<Finding> {
    let manifest = manifest(source);
    let listed = OF_TOOLS.iter().find(|(path, _)| *path == source.path);
    let packages = listed.map_or(&[][..], |(_, packages)| packages);
    let used = dependencies(&manifest).into_iter().map(|(name, _)| name);
    let foreign = used.filter(|name| {
        let ours = name.strip_prefix("wordmill-").is_some_and(|room| ROOMS.contains(&room));
        !ours && !packages.contains(&name.as_str())
    });
    let foreign = foreign.map(|name| format!("`{name}` is not on the list of packages of tools"));
    let alone = manifest.contains_key("workspace");
    let alone = (!alone).then(|| "a tool has a workspace of its own".to_owned());
    foreign.chain(alone).map(|what| Finding::new(&source.path, 0, what)).collect()
}

/// The workspace's packages in a lock file.
fn rooms_of(lock: &Table) -> Vec<String> {
    let packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let names = packages.filter_map(|package| package.get("name")?.as_str());
    names.filter(|name| name.starts_with("wordmill-")).map(str::to_owned).collect()
}

#[test]
fn tools_are_separate() {
    let repository = Repository::read();
    assert_none(repository.tools().flat_map(tool).collect());
    for source in repository.tools() {
        let folder = source.path.trim_end_matches("Cargo.toml");
        for name in ["README.md", "Cargo.lock"] {
            let path = format!("{folder}{name}");
            assert!(repository.paths.contains(&path), "{path} is missing");
        }
        let lock = repository.sources.iter().find(|it| it.path == format!("{folder}Cargo.lock"));
        let locked = rooms_of(&manifest(lock.expect("it is there")));
        let rooms = locked.iter().filter(|name| *name != "wordmill-fuzz");
        let foreign = rooms.filter(|name| !ROOMS.contains(&name.trim_start_matches("wordmill-")));
        assert_eq!(foreign.count(), 0, "{folder}Cargo.lock does not follow the rooms: {locked:?}");
    }
    let found = |text: &str| tool(&Source::new("tools/fuzz/Cargo.toml", text)).len();
    assert_eq!(found("[workspace]\n[dependencies]\nwordmill-formats = \"1\"\ntempfile = \"1\""), 0);
    assert_eq!(found("[workspace]\n[dependencies]\nopenssl = \"1\""), 1);
    assert_eq!(found("[dependencies]\ntempfile = \"1\""), 1);
}

#[test]
fn crates_inherit_from_the_workspace() {
    let repository = Repository::read();
    assert_none(repository.manifests().flat_map(inheritance).collect());
}

#[test]
fn the_table_has_no_cycle() {
    for (index, (room, uses, _)) in ALLOWED.iter().enumerate() {
        let before = |used: &&str| ALLOWED[..index].iter().any(|(name, ..)| name == used);
        assert!(uses.iter().all(before), "{room} uses a room above it");
        assert!(room.is_empty() || ROOMS.contains(room), "{room} is no room");
    }
}

#[test]
fn forbidden_arrows_and_packages_are_found() {
    let check = |room: &str, text: &str, expected: usize| {
        let found = arrows(&Source::new(&format!("crates/{room}/Cargo.toml"), text));
        assert_eq!(found.len(), expected, "{room}: {text}\n{found:?}");
    };
    check("text", "[dependencies]\nwordmill-flow.workspace = true", 0);
    check("vocab", "[dependencies]\nwordmill-train.workspace = true", 1);
    check("vocab", "[dev-dependencies]\nwordmill-cooccur.workspace = true", 1);
    check("flow", "[target.'cfg(unix)'.dependencies]\nwordmill-formats = \"1\"", 1);
    check("query", "[build-dependencies]\nwordmill-flow = \"1\"", 1);
    check("kernels", "[dependencies]\nrand = \"1\"", 1);
    check("flow", "[dependencies]\nindicatif = \"1\"", 1);
    check("attic", "", 1);
    let root = Source::new("Cargo.toml", "[dependencies]\nwordmill-train = \"1\"\nopenssl = \"1\"");
    assert_eq!(arrows(&root).len(), 1);
}

#[test]
fn what_is_not_used_is_found() {
    let flow = |text: &str| Source::new("crates/flow/Cargo.toml", text);
    assert_eq!(needless(&flow("")).len(), 3);
    let text = "[dependencies]\ncrossbeam-channel = \"1\"\nserde = \"1\"\nthiserror = \"1\"";
    assert_eq!(needless(&flow(text)), []);
    let check = |manifest: &str, code: &str, expected: usize| {
        let code = Source::new("crates/flow/src/a.rs", code);
        let found = unnamed(&flow(manifest), &[&code]);
        assert_eq!(found.len(), expected, "{manifest}\n{code:?}\n{found:?}");
    };
    let test = "#[cfg(test)]\nmod tests {\nuse a_b::C;\n}";
    check("[dependencies]\na-b = \"1\"", "use a_b::C;", 0);
    check("[dependencies]\na-b = \"1\"", "// a_b\nuse a_b_c;", 1);
    check("[dependencies]\na-b = \"1\"", test, 1);
    check("[dev-dependencies]\na-b = \"1\"", test, 0);
    check("[dev-dependencies]\na-b = \"1\"", "", 1);
    check("[features]\nf = [\"a-b/f\"]\n[dependencies]\na-b = \"1\"", "", 0);
    check("[features]\nf = [\"dep:a-b\"]\n[dependencies]\na-b = \"1\"", "", 0);
}

#[test]
fn crates_that_do_not_inherit_are_found() {
    let package: String = INHERITED.iter().map(|key| format!("{key}.workspace = true\n")).collect();
    let check = |text: String, expected: usize| {
        let found = inheritance(&Source::new("crates/flow/Cargo.toml", &text));
        assert_eq!(found.len(), expected, "{text}\n{found:?}");
    };
    let lints = "[lints]\nworkspace = true\n";
    check(format!("[package]\n{package}{lints}"), 0);
    check(format!("[package]\n{package}"), 1);
    check(format!("[package]\nversion = \"1.0.0\"\n{lints}"), INHERITED.len());
    check(format!("[package]\n{package}{lints}[dependencies]\nrand = \"1\""), 1);
    check(format!("[package]\n{package}{lints}[dependencies]\nrand = {{ workspace = true }}"), 0);
}
