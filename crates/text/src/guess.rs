//! Which format a text seems to have that is read line by line: by its first bytes, and by its name for tables, whose bytes do not
//! tell.

use crate::error::TextError;
use crate::format::RecordFormat;
use crate::input::{Input, Packed, Source};

/// Lines of JSON that are looked at.
const LINES: usize = 3;
/// Columns of a table that are named.
const COLUMNS_NAMED: usize = 6;

/// What a text seems to be, with the settings that read it as that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// What it is.
    pub what: &'static str,
    /// Its settings, as they are written after `--set`.
    pub settings: Vec<String>,
    /// Where a field has to be chosen: the names that there are.
    pub fields: Vec<String>,
}

impl Input {
    /// What the text seems to be, if it is read as lines and is no pipe; `None` if it may be plain text.
    ///
    /// # Errors
    /// What opening it refuses.
    pub fn guess(&self) -> Result<Option<Guess>, TextError> {
        let is_lines = matches!(self.records.format, RecordFormat::Lines | RecordFormat::Documents);
        if !is_lines || !matches!(self.source, Source::File(_)) {
            return Ok(None);
        }
        Ok(of(&self.head_of(Packed::ByContent)?, &self.name))
    }
}

fn of(head: &[u8], name: &str) -> Option<Guess> {
    let plain = |what, format: &str| {
        let settings = vec![format!("corpus.format={format}")];
        Some(Guess { what, settings, fields: Vec::new() })
    };
    let text = String::from_utf8_lossy(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head));
    let text = text.trim_start();
    match text {
        _ if text.starts_with("WARC/1.") => plain("WARC records, as Common Crawl has them", "wet"),
        _ if text.starts_with("<mediawiki") => plain("a dump of MediaWiki", "mediawiki"),
        _ if text.starts_with("{\"") || text.starts_with("[{\"") => json(text),
        _ => table(text, name),
    }
}

/// Lines of objects, or a list of them.
fn json(text: &str) -> Option<Guess> {
    type Object = serde_json::Map<String, serde_json::Value>;
    let of_line = |line: &str| serde_json::from_str::<Object>(line).ok();
    let mut first = text.trim_start_matches('[').lines().map(|line| line.trim_end_matches(','));
    let objects: Vec<Object> = first.by_ref().take(LINES).filter_map(of_line).collect();
    let texts: Vec<String> = objects
        .first()
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.is_string())
        .map(|(key, _)| key.clone())
        .collect();
    let is_list = text.starts_with('[');
    (is_list || !objects.is_empty()).then(|| with_field("objects of JSON", "jsonl", texts))
}

/// A table, by the ending of its name and the first row.
fn table(text: &str, name: &str) -> Option<Guess> {
    let name = name.to_ascii_lowercase();
    let name = [".gz", ".bz2", ".zst", ".xz"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(&name);
    let (mark, what, format) = match name {
        _ if name.ends_with(".csv") => (',', "a table with commas", "csv-column"),
        _ if name.ends_with(".tsv") => ('\t', "a table with tabs", "tsv-column"),
        _ => return None,
    };
    let columns: Vec<String> =
        text.lines().next()?.split(mark).map(|it| it.trim_matches('"').to_owned()).collect();
    (columns.len() > 1).then(|| with_field(what, format, columns))
}

fn with_field(what: &'static str, format: &str, mut fields: Vec<String>) -> Guess {
    let mut settings = vec![format!("corpus.format={format}")];
    match fields.iter().any(|field| field == "text") {
        // It is the field that is read where none is named.
        true => fields.clear(),
        false => settings.push("corpus.field=NAME".to_owned()),
    }
    fields.truncate(COLUMNS_NAMED);
    Guess { what, settings, fields }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, name: &str, expected: Option<(&str, &[&str])>) {
        let found = of(head.as_bytes(), name);
        let found = found.map(|it| (it.settings.join(" "), it.fields));
        let expected = expected.map(|(settings, fields)| {
            (settings.to_owned(), fields.iter().map(ToString::to_string).collect())
        });
        assert_eq!(found, expected, "{head}");
    }

    #[test]
    fn formats_are_guessed_from_the_first_bytes() {
        check("WARC/1.0\r\n", "a", Some(("corpus.format=wet", &[])));
        check("<mediawiki xmlns=\"\">", "a", Some(("corpus.format=mediawiki", &[])));
        check("{\"text\": \"a b\"}\n", "a", Some(("corpus.format=jsonl", &[])));
        let fields = "{\"id\": 1, \"body\": \"a\", \"title\": \"b\"}\n{\"id\"";
        check(fields, "a", Some(("corpus.format=jsonl corpus.field=NAME", &["body", "title"])));
        check(
            "id,body\n1,a b\n",
            "x.CSV.gz",
            Some(("corpus.format=csv-column corpus.field=NAME", &["id", "body"])),
        );
        check("id\ttext\n", "x.tsv", Some(("corpus.format=tsv-column", &[])));
        for (text, name) in [
            ("a, b\n", "x.txt"),
            ("one column\n", "x.csv"),
            ("{\"a smile\n", "a"),
            ("", "x.csv"),
            ("[{1}] a", "a"),
        ] {
            check(text, name, None);
        }
    }
}
