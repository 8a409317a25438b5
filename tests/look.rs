//! What `status` and `info` look like: columns, units, and colours only where somebody sees them.

use crate::support::Place;
use crate::using::says;

fn place() -> Place {
    let place = Place::new(crate::support::TINY);
    place.run("run", &["--progress", "none"]).expect(0);
    place
}

#[test]
fn status_is_a_table() {
    let said = says(&place(), &["status", "run"]);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("stage            state        time     memory       made"),
        "{said}"
    );
    let at = lines[0].find("made").unwrap() + 4;
    for line in &lines[1..9] {
        assert_eq!(&line[17..22], "done ", "{line}");
        // The column ends where its title does: a unit, or nothing.
        let column = &line[at - 10..at];
        assert!(
            column.ends_with("iB") || column.ends_with("bytes") || column.trim().is_empty(),
            "{line}"
        );
    }
    assert!(lines[10].starts_with("8 stages done in ") && lines[10].contains("files, "), "{said}");
    assert!(!said.contains("invalid_lines 0"), "{said}");
}

#[test]
fn info_is_aligned() {
    let place = place();
    let said = says(&place, &["info", "run/vectors/glove.safetensors"]);
    let facts: Vec<&str> = said.lines().filter(|line| line.contains(" x 8 ")).collect();
    assert_eq!(facts.len(), 2, "{said}");
    assert_eq!(facts[0].find("f32"), facts[1].find("f32"));
    let equals: Vec<usize> = said.lines().filter_map(|line| line.find(" = ")).collect();
    assert!(equals.len() > 10 && equals.iter().all(|at| *at == equals[0]), "{said}");
    assert!(said.contains("KiB (") && said.contains("deviation"), "{said}");
}

/// Whether a terminal sees colours; `script` makes one, and without it nothing is tried.
fn coloured(place: &Place, variable: (&str, &str)) -> Option<bool> {
    let mut command = place.command(&["status", "run"]);
    let program = command.get_program().to_string_lossy().into_owned();
    command = std::process::Command::new("script");
    command.args(["-qec", &format!("{program} status run"), "/dev/null"]);
    command.current_dir(place.path("")).env("TERM", "xterm").env_remove("NO_COLOR");
    command.env(variable.0, variable.1).stdin(std::process::Stdio::null());
    let ended = command.output().ok().filter(|ended| ended.status.success())?;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(said.contains("train:glove"), "{said}");
    Some(said.contains("\x1b["))
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let place = place();
    assert!(!says(&place, &["status", "run"]).contains('\x1b'));
    let Some(usual) = coloured(&place, ("WORDMILL_TEST", "1")) else {
        println!("skipped: there is no `script` to make a terminal with");
        return;
    };
    assert!(usual);
    assert_eq!(coloured(&place, ("NO_COLOR", "1")), Some(false));
    assert_eq!(coloured(&place, ("TERM", "dumb")), Some(false));
}
