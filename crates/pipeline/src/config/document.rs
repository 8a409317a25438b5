//! The documents of the configuration: the commented template, the reference of keys and the JSON schema, all from what the
//! types of the settings say of themselves.

mod parts;
mod reference;
mod schema;
mod template;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::keys::Kind;

pub use reference::reference;
pub use schema::schema;
pub use template::template;

/// Whether a key of a section names a file. Files that trainers name are in `GivenFiles`.
pub fn names_file(section: &str, key: &str) -> bool {
    static KEYS: OnceLock<BTreeSet<(&str, &str)>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let parts = parts::parts().into_iter();
        let keys = parts.flat_map(|part| part.keys.into_iter().map(move |it| (part.name, it.key)));
        let files = keys.filter(|(_, key)| matches!(key.kind, Kind::Path));
        files.map(|(section, key)| (section, key.name)).collect()
    });
    keys.contains(&(section, key))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::parts::{Documented, TRAINERS, parts, unset, usual, usual_rows};
    use super::*;
    use crate::config::keys::Key;
    use crate::config::load::Sources;
    use crate::config::sections::NAMES;
    use crate::config::types::Config;

    /// Compares a document with what is generated; `WORDMILL_GOLDEN=write` writes it.
    fn check(name: &str, generated: &str) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
        if std::env::var_os("WORDMILL_GOLDEN").is_some_and(|value| value == "write") {
            std::fs::write(&path, generated).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            written, generated,
            "{name}: WORDMILL_GOLDEN=write cargo test -p wordmill-pipeline document"
        );
    }

    #[test]
    fn documents_say_what_the_types_say() {
        check("pipeline.toml", &template());
        check("docs/reference/settings.md", &reference());
    }

    #[test]
    fn lists_are_files_and_texts_are_none() {
        for (section, key, expected) in [
            ("corpus", "stop_words", true),
            ("corpus", "pieces", true),
            ("phrases", "list", true),
            ("phrases", "connectors", true),
            ("vocabulary", "keep", true),
            ("vocabulary", "drop", true),
            ("corpus", "tokenizer", false),
            ("vocabulary", "stop_words", false),
        ] {
            assert_eq!(names_file(section, key), expected, "{section}.{key}");
        }
    }

    #[test]
    fn every_key_has_a_documentation() {
        for part in parts() {
            for Documented { key, .. } in &part.keys {
                assert!(!key.doc.is_empty(), "{}.{}", part.name, key.name);
            }
        }
    }

    #[test]
    fn every_key_that_can_be_written_is_documented() {
        let config = usual(&TRAINERS);
        for part in parts() {
            let sections = match part.name {
                "train" => TRAINERS.map(|(name, _)| format!("train.{name}")).to_vec(),
                name => vec![name.to_owned()],
            };
            for (key, _) in sections.iter().flat_map(|section| usual_rows(&config, section)) {
                assert!(part.keys.iter().any(|known| known.key.name == key), "{}.{key}", part.name);
            }
        }
    }

    /// What a pipeline may have so that a key is used.
    const USES: [&str; 5] = [
        "",
        "corpus.tokenizer = \"korean\"",
        "corpus.tokenizer = \"bpe\"",
        "corpus.format = \"jsonl\"",
        "phrases.passes = 1",
    ];

    /// Whether a value of a key changes nothing; `None` where it cannot be set.
    fn is_default(before: &str, key: &str, value: &str, after: &str) -> Option<bool> {
        let read = |line: &str| {
            let text = format!("corpus.inputs = [\"builtin:sample\"]\n{before}\n{line}{after}");
            Config::resolve(Path::new("p"), &text, &Sources::default())
        };
        let (without, with) = (read(""), read(&format!("{key} = {value}\n")));
        Some(with.ok()? == without.ok()?)
    }

    #[test]
    fn documented_values_were_not_the_defaults() {
        let (mut checked, config) = (0, usual(&TRAINERS));
        let is_written = |section: &str, key: &Key| {
            usual_rows(&config, section).iter().any(|row| row.0 == key.name)
        };
        for part in parts() {
            for Documented { key, .. } in &part.keys {
                let value = unset(key);
                let found = match part.name {
                    _ if value == "\"\"" => None,
                    "train" => TRAINERS.iter().find_map(|(name, what)| {
                        let table = format!("[[train]]\nname = \"{name}\"\n{what}");
                        let is_free = !is_written(&format!("train.{name}"), key);
                        is_free.then(|| is_default(&table, key.name, &value, "")).flatten()
                    }),
                    section if is_written(section, key) => None,
                    section => USES.iter().find_map(|before| {
                        let key = format!("{section}.{}", key.name);
                        is_default(before, &key, &value, "[[train]]\nname = \"x\"")
                    }),
                };
                assert!(found != Some(false), "{}.{} = {value}", part.name, key.name);
                checked += usize::from(found.is_some());
            }
        }
        assert!(checked > 20, "{checked}");
    }

    #[test]
    fn the_schema_has_every_section_and_no_words_of_ours() {
        let schema = schema();
        for section in NAMES {
            assert!(schema["properties"].get(section).is_some(), "{section}");
        }
        assert_eq!(schema["properties"]["cooccur"]["properties"]["window"]["maximum"], 255);
        assert!(!schema.to_string().contains("\"x-"));
    }
}
