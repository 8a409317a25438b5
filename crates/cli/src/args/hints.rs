//! What is said of flags that a command does not have: how the setting is called here that another program has under that name.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use wordmill_pipeline::config::flag_hint;

/// Commands with `--set`.
const WITH_SET: [&str; 4] = ["run", "train", "plan", "preview"];

/// The name of the command: flags of the program may stand before it.
pub fn command_of(words: &[OsString]) -> Option<&str> {
    words.iter().skip(1).filter_map(|word| word.to_str()).find(|word| !word.starts_with('-'))
}

/// Adds a hint to an error of clap about a flag, if there is one.
pub fn hinted(words: &[OsString], mut error: Error) -> Error {
    let flag = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) => flag.clone(),
        _ => return error,
    };
    let has_set = command_of(words).is_some_and(|name| WITH_SET.contains(&name));
    if let Some(hint) = flag_hint(&flag).filter(|hint| has_set || !hint.contains("--set")) {
        error.remove(ContextKind::SuggestedArg);
        let hints = ContextValue::StyledStrs(vec![hint.into()]);
        error.insert(ContextKind::Suggested, hints);
    }
    error
}

/// An error for the first flag of `train` that is written with one dash, as word2vec, GloVe and fastText have them: clap would take
/// `-output` for `-o utput`.
pub fn one_dash(mut cli: Command, words: &[OsString]) -> Option<Error> {
    if command_of(words) != Some("train") {
        return None;
    }
    let train = cli.find_subcommand_mut("train")?;
    let is_flag = |name: &str| {
        let has = |arg: &clap::Arg| {
            arg.get_long() == Some(name)
                || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
        };
        train.get_arguments().any(has) || flag_hint(name).is_some()
    };
    let words = words.iter().skip(1).take_while(|word| *word != "--");
    let mut words = words.filter_map(|word| word.to_str()?.strip_prefix('-'));
    let name = words.find(|name| name.len() > 1 && !name.starts_with('-') && is_flag(name))?;
    let hint = flag_hint(name).filter(|_| ["train", "input"].contains(&name));
    let hint = hint.unwrap_or_else(|| format!("long flags have two dashes: --{name}"));
    let what = format!("unexpected argument '-{name}'; {hint}");
    cli.build();
    let train = cli.find_subcommand_mut("train")?;
    Some(train.error(ErrorKind::UnknownArgument, what))
}
