//! The reference of all keys.

use wordmill_train::{CellsLoss, PairLoss};

use super::parts::{
    Documented, TRAINERS, first_paragraph, parts, sentence, unset, usual, usual_rows,
};
use crate::config::keys::{Key, Kind, Name, Variant, variants_of};
use crate::config::rows::tagged_rows_of;
use crate::config::sections::header;
use crate::config::types::Config;

/// Keys without a default.
const REQUIRED: [&str; 2] = ["inputs", "name"];

/// The reference of all keys, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = "\
# Settings

Every key of `pipeline.toml`, generated from the program; `wordmill schema` prints the same as a JSON schema. A key is written in
the file, as `--set SECTION.KEY=VALUE`, or as a variable `WORDMILL__SECTION__KEY`; of a trainer, `train.NAME.KEY`.
Relative paths begin in the folder in which wordmill is started, not in that of the file; a leading `~/` is your home folder.
"
    .to_owned();
    let config = usual(&TRAINERS);
    for part in parts() {
        let header = header(part.name);
        text += &format!("\n## `{header}`\n\n| key | values | default | |\n|---|---|---|---|\n");
        for documented in &part.keys {
            let Documented { key, of } = documented;
            let default = match part.name {
                _ if REQUIRED.contains(&key.name) => "required".to_owned(),
                "train" => default_of_trainers(&config, key),
                name => {
                    let rows = usual_rows(&config, name);
                    let row = rows.iter().find(|(found, _)| *found == key.name);
                    row.map_or_else(|| default_unset(key), |(_, value)| format!("`{value}`"))
                }
            };
            let (values, doc) = (values(&key.kind), sentence(key, of));
            let row = format!(
                "| `{}` | {values} | {default} | {} |\n",
                key.name,
                doc.replace('|', "\\|")
            );
            text += &row;
        }
        for Documented { key, .. } in &part.keys {
            if let Kind::Choice(names) = &key.kind {
                text += &format!("\n`{}`:\n\n", key.name);
                let line =
                    |name: &Name| format!("- `{}`: {}\n", name.name, first_paragraph(&name.doc));
                text += &names.iter().map(line).collect::<String>();
            }
        }
        if part.name == "train" {
            text += &losses();
        }
    }
    text
}

/// The losses that have names.
fn losses() -> String {
    let list = |variants: &[Variant]| {
        let line = |variant: &Variant| {
            let keys = variant.keys.iter().map(|key| {
                let default = unset(key);
                format!(" `{}` ({default}): {}", key.name, first_paragraph(&key.doc))
            });
            let doc = first_paragraph(&variant.name.doc);
            format!("- `{}`: {doc}{}\n", variant.name.name, keys.collect::<String>())
        };
        variants.iter().map(line).collect::<String>()
    };
    format!(
        "\n`loss`, of pairs:\n\n{}\nof cells:\n\n{}",
        list(&variants_of::<PairLoss>("name")),
        list(&variants_of::<CellsLoss>("name"))
    )
}

fn default_unset(key: &Key) -> String {
    match unset(key).as_str() {
        "\"\"" => "none".to_owned(),
        value => format!("`{value}`"),
    }
}

/// The default of a key of trainers, which may differ between them.
fn default_of_trainers(config: &Config, key: &Key) -> String {
    let value_of = |(name, _): &(&'static str, &str)| {
        let mut rows = config.rows_of_section(&format!("train.{name}"));
        // It is not written where it is that of the optimizer.
        let trainer = config.train.iter().find(|trainer| trainer.name == *name);
        rows.extend(trainer.iter().flat_map(|it| tagged_rows_of("schedule", &it.schedule)));
        let row = rows.into_iter().find(|(found, _)| *found == key.name);
        row.map(|(_, value)| (*name, value.to_string()))
    };
    let values: Vec<(&str, String)> = TRAINERS.iter().filter_map(value_of).collect();
    match &values[..] {
        [] => default_unset(key),
        [(_, first), more @ ..] if more.iter().all(|(_, value)| value == first) => {
            format!("`{first}`")
        }
        all => {
            let each = all.iter().map(|(name, value)| format!("{name} `{value}`"));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The values of a kind, for people.
fn values(kind: &Kind) -> String {
    match kind {
        Kind::Whole { least, most } if *most == i64::MAX as u64 => {
            format!("whole number from {least}")
        }
        Kind::Whole { least, most } => format!("{least} to {most}"),
        Kind::Real(reals) => reals.expected.clone(),
        Kind::Reals => "a number, or a list of numbers".to_owned(),
        Kind::Flag => "`true`, `false`".to_owned(),
        Kind::Text | Kind::Other => "text".to_owned(),
        Kind::Path => "a file".to_owned(),
        Kind::Texts => "list of texts".to_owned(),
        Kind::Size { .. } => "a size such as `1GiB`".to_owned(),
        Kind::Seconds => "a time such as `30s`".to_owned(),
        Kind::Choice(names) => {
            names.iter().map(|name| format!("`{}`", name.name)).collect::<Vec<_>>().join(", ")
        }
    }
}
