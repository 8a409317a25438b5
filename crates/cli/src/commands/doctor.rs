//! `wordmill doctor`: whether runs will work on this machine and in a folder, a line a check.

use std::io::Write;

use wordmill_pipeline::config::ConfigError;
use wordmill_pipeline::doctor::{Check, Health, checks};

use super::version;
use crate::args::DoctorArgs;
use crate::style::{Meaning, Style};

/// Prints what was checked; fails if no run can work.
pub fn run(args: &DoctorArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut checks = checks(&args.dir);
    let built = Check { check: "features", state: Health::Ok, message: version::features() };
    checks.push(built);
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&checks)?)?;
    } else {
        let style = Style::of_output();
        for Check { check, state, message } in &checks {
            let (name, tone) = match state {
                Health::Ok => ("ok", Meaning::Good),
                Health::Warn => ("warn", Meaning::Open),
                Health::Fail => ("fail", Meaning::Bad),
            };
            let state = style.paint(tone, &format!("{name:<5}"));
            writeln!(out, "{state} {check:<10} {message}")?;
        }
    }
    match checks.iter().filter(|check| check.state == Health::Fail).count() {
        0 => Ok(()),
        some => {
            let what = format!("{some} of {} checks failed; runs will not work here", checks.len());
            Err(ConfigError::new(args.dir.display(), what).into())
        }
    }
}
