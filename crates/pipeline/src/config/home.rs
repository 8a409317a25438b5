//! A leading `~/` in settings: the home folder. No shell expands it in a file, nor in the middle of an argument.

use std::ffi::OsString;
use std::path::Path;

use toml::{Table, Value};

/// What may stand before a path in a setting.
const BEFORE: [&str; 3] = ["", "@", "hf:"];

/// The home folder in an environment.
pub(super) fn of(variables: &[(OsString, OsString)]) -> Option<&Path> {
    let home = variables.iter().find(|(name, _)| name == "HOME").map(|(_, home)| Path::new(home));
    home.filter(|home| home.is_absolute())
}

/// Expands all texts of a table that begin as paths in the home folder.
pub(super) fn expand_table(table: &mut Table, home: &Path) {
    table.iter_mut().for_each(|(_, value)| expand(value, home));
}

fn expand(value: &mut Value, home: &Path) {
    match value {
        Value::Table(table) => expand_table(table, home),
        Value::Array(values) => values.iter_mut().for_each(|value| expand(value, home)),
        Value::String(text) => {
            let rest = BEFORE
                .iter()
                .find_map(|before| Some((before, text.strip_prefix(before)?.strip_prefix("~/")?)));
            if let Some((before, rest)) = rest {
                *text = format!("{before}{}", home.join(rest).to_string_lossy());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Sources};

    #[test]
    fn paths_in_the_home_folder_are_found() {
        let text = "[run]\ndir = \"~/run\"\n[corpus]\ninputs = [\"~/a.txt\", \"@~/list\", \"b~/c\"]\n\
                    [vocabulary]\nkeep = \"~\"\n[eval]\nanalogies = [\"~/questions\"]";
        let variables = vec![("HOME".into(), "/people/ada".into())];
        let sources = Sources { variables, ..Sources::default() };
        let config = Config::resolve("p.toml".as_ref(), text, &sources).unwrap();
        assert_eq!(config.run.dir.to_str(), Some("/people/ada/run"));
        let inputs = ["/people/ada/a.txt", "@/people/ada/list", "b~/c"];
        assert_eq!(config.corpus.inputs, inputs);
        assert_eq!(config.eval.analogies, ["/people/ada/questions"].map(std::path::PathBuf::from));
        let config = Config::resolve("p.toml".as_ref(), text, &Sources::default()).unwrap();
        assert_eq!(config.run.dir.to_str(), Some("~/run"));
    }
}
