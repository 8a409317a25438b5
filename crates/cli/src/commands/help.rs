//! `wordmill help`: a command with its flags, or a page of the manual.

use std::io::Write;

use clap::CommandFactory;
use wordmill_pipeline::config::{ConfigError, did_you_mean};

use crate::args::{Cli, HelpArgs};
use crate::topics::TOPICS;

/// Prints what is asked for; without a topic, the commands and the topics.
pub fn run(args: &HelpArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut program = Cli::command();
    // Without it the help of a command does not begin with the name of the program.
    program.build();
    let Some(name) = &args.topic else {
        return overview(&mut program, out);
    };
    if let Some(command) = program.find_subcommand_mut(name) {
        write!(out, "{}", command.render_long_help())?;
        return Ok(());
    }
    if let Some(topic) = TOPICS.iter().find(|topic| topic.name == name) {
        write!(out, "{}", topic.page())?;
        return Ok(());
    }
    let commands: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
    let names = commands.into_iter().chain(TOPICS.iter().map(|topic| topic.name));
    let guess = did_you_mean(name, names);
    let what = format!("there is no such command or topic{guess}; `wordmill help` lists all");
    Err(ConfigError::new(name, what).into())
}

fn overview(program: &mut clap::Command, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", program.render_help())?;
    writeln!(out, "Topics, for `wordmill help TOPIC`:")?;
    for topic in TOPICS {
        writeln!(out, "  {:16}{}", topic.name, topic.title())?;
    }
    Ok(())
}
