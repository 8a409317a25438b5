//! A library leaves the process to the program: it does not print, exit, read the environment, or install signal
//! handlers. Some crates promise more: `formats` starts no thread; `kernels` does no I/O, starts no thread and
//! allocates nothing in its loops.

use super::{Finding, Repository, Source, assert_found, assert_none, lexer};

/// Words that break a rule in the code of some crates.
struct Ban {
    /// The crates; empty for every library.
    rooms: &'static [&'static str],
    words: &'static [&'static str],
    what: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        rooms: &[],
        words: &["println!", "print!", "eprintln!", "eprint!", "stdout()", "stderr()"],
        what: "only the program prints",
    },
    Ban {
        rooms: &[],
        words: &["process::exit", "process::abort", "ExitCode", "low_level::exit"],
        what: "only the program exits",
    },
    Ban {
        rooms: &[],
        words: &["env::", "std::env", "option_env!"],
        what: "only the program reads the environment",
    },
    Ban {
        rooms: &[],
        words: &["signal_hook", "set_hook", "take_hook"],
        what: "only the program handles signals and panics",
    },
    Ban {
        rooms: &["formats", "kernels"],
        words: &["thread::spawn", "thread::scope", "thread::Builder"],
        what: "this room starts no thread",
    },
    Ban {
        rooms: &["kernels"],
        words: &["std::fs", "std::io", "std::net", "std::process"],
        what: "kernels do no I/O",
    },
    Ban {
        rooms: &["kernels"],
        words: &["vec!", "Vec", "Box", "String", "format!", "HashMap", "BTreeMap"],
        what: "kernels do not allocate",
    },
];

/// Uses that are allowed: the file, the words, the reason.
const ALLOWED: &[(&str, &[&str], &str)] = &[
    (
        "crates/formats/src/disk.rs",
        &["signal_hook", "stderr()", "low_level::exit"],
        "the handler for maps whose file was cut, which the program asks for with `on_cut_map`",
    ),
    (
        "crates/formats/src/outlet.rs",
        &["stdout()"],
        "`-` and names of the standard output are places that a caller may name",
    ),
    ("crates/wordmill/src/main.rs", &["ExitCode"], "the program itself"),
    ("crates/kernels/src/dispatch.rs", &["Vec"], "the list of instruction sets, made once"),
    ("crates/kernels/src/level.rs", &["String"], "the name in an error"),
    ("crates/kernels/src/sgns.rs", &["Box"], "buffers of a thread, made once"),
    ("crates/kernels/src/steps.rs", &["Vec"], "buffers of a thread, made once"),
    ("crates/kernels/src/tape.rs", &["Vec", "vec!"], "a loss is compiled once"),
];

/// Every use of a banned word outside tests, allowed or not.
fn uses(source: &Source) -> Vec<(&'static str, Finding)> {
    let room = source.room();
    let is_library = !matches!(room, "" | "cli") && source.path.contains("/src/");
    let bans =
        BANS.iter().filter(|ban| is_library && (ban.rooms.is_empty() || ban.rooms.contains(&room)));
    let each = |ban: &'static Ban| {
        ban.words.iter().flat_map(move |&word| {
            let lines = lexer::word_lines(&source.split.code, word);
            lines.into_iter().map(move |line| {
                let what = format!("`{word}`: {}", ban.what);
                (word, Finding::new(&source.path, line, what))
            })
        })
    };
    let mut found: Vec<_> = bans.flat_map(each).collect();
    found.retain(|(_, finding)| !source.is_test_line(finding.line));
    found.sort_by_key(|(_, finding)| finding.line);
    found
}

fn is_allowed(path: &str, word: &str) -> bool {
    ALLOWED.iter().any(|(allowed, words, _)| *allowed == path && words.contains(&word))
}

fn forbidden_uses(source: &Source) -> Vec<Finding> {
    let found = uses(source).into_iter();
    let found = found.filter(|(word, finding)| !is_allowed(&finding.path, word));
    let mut found: Vec<Finding> = found.map(|(_, finding)| finding).collect();
    found.dedup_by_key(|finding| finding.line);
    found
}

/// Unused entries of the list.
fn needless(repository: &Repository) -> Vec<Finding> {
    let each = |&(path, words, _): &(&'static str, &'static [&'static str], &str)| {
        let source = repository.rust().find(|source| source.path == path);
        let used: Vec<&str> =
            source.map(uses).unwrap_or_default().iter().map(|(word, _)| *word).collect();
        let rest = words.iter().filter(move |word| !used.contains(*word));
        rest.map(move |word| Finding::new(path, 0, format!("`{word}` is allowed, but not used")))
    };
    ALLOWED.iter().flat_map(each).collect()
}

#[test]
fn libraries_leave_the_process_to_the_program() {
    let repository = Repository::read();
    assert_none(repository.rust().flat_map(forbidden_uses).collect());
    assert_none(needless(&repository));
}

#[test]
fn uses_of_the_process_are_found() {
    let check = |room: &str, text: &str, expected: &[usize]| {
        assert_found(forbidden_uses, &format!("crates/{room}/src/a.rs"), text, expected);
    };
    let test = "fn a() {\nprintln!();\n}\n#[cfg(test)]\nmod tests {\nfn b() { print!() }\n}";
    check("flow", test, &[2]);
    check("cli", test, &[]);
    for path in ["crates/sample/examples/a.rs", "tests/a.rs", "benches/a.rs", "examples/a.rs"] {
        assert_found(forbidden_uses, path, test, &[]);
    }
    check("flow", "\neprintln!()", &[2]);
    check("wordmill", "io::stdout().lock()", &[1]);
    check("pipeline", "std::process::exit(1)", &[1]);
    check("vocab", "use std::env;\nlet a = env::var(b);\nlet b = std::env::args();", &[1, 2, 3]);
    check("vocab", "// std::env\nlet a = env!(\"A\") + \"env::var\";", &[]);
    check("text", "signal_hook::flag::register(a, b)\npanic::set_hook(c)", &[1, 2]);
    check("formats", "thread::scope(|scope| a)", &[1]);
    check("query", "thread::scope(|scope| a)", &[]);
    check("kernels", "use std::io::Write;\nlet a = vec![1];", &[1, 2]);
    check("train", "use std::io::Write;\nlet a = vec![1];", &[]);
    let (path, words, _) = ALLOWED[0];
    assert_found(forbidden_uses, path, &format!("{}::a()\nenv::var()", words[0]), &[2]);
}
