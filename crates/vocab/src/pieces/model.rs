//! The interface of every model, and its file: UTF-8 text in columns, separated by tabs.
//!
//! The first lines begin with `#` and a tab-separated key: `#wordmill-pieces<TAB>LEARNER<TAB>VERSION`, then `#settings`
//! and `#made-of`, by which a run recognises the model that it would learn. All other lines are rows, documented with
//! each learner. The file may be edited and given to a run as `corpus.pieces`; blank lines are skipped.

use std::path::Path;

use crate::error::VocabError;

const MAGIC: &str = "#wordmill-pieces";
/// How the lines of the header begin.
const HEADS: [&str; 3] = [MAGIC, "#settings\t", "#made-of\t"];
/// Version of the layout and of the meaning of rows.
const VERSION: &str = "1";

/// Cuts words into pieces.
pub(super) trait Cut: Send + Sync {
    /// Calls `emit` with the pieces of a word, at least one; continuing ones begin with `##`. Returns the number of
    /// dropped ones.
    fn cut(&self, word: &str, emit: &mut dyn FnMut(&str)) -> u64;
    /// Memory that it takes.
    fn bytes(&self) -> u64;
}

/// The header of a model.
pub(super) struct Header {
    pub learner: &'static str,
    pub settings: String,
    /// A digest of the words that it was learned from.
    pub made_of: String,
}

impl Header {
    /// The lines that begin the file.
    pub(super) fn lines(&self) -> String {
        let Self { learner, settings, made_of } = self;
        format!("{MAGIC}\t{learner}\t{VERSION}\n#settings\t{settings}\n#made-of\t{made_of}\n")
    }
}

/// The rows of a model, with the numbers of their lines.
pub(super) struct Rows<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
}

impl<'a> Iterator for Rows<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.lines
            .find(|(_, line)| !line.is_empty() && !HEADS.iter().any(|head| line.starts_with(head)))
            .map(|(at, line)| (at + 1, line))
    }
}

impl Rows<'_> {
    /// An error about a row.
    pub(super) fn wrong(path: &Path, line: usize, what: &str) -> VocabError {
        VocabError::Input {
            path: path.display().to_string(),
            tried: "reading a model of pieces",
            problem: format!("line {line}: {what}"),
            way_out: "correct the line, or learn a new model",
        }
    }
}

/// The header of a model, as from [`Header::lines`], and its rows.
pub(super) fn parse<'a>(
    path: &Path,
    bytes: &'a [u8],
    learner: &str,
) -> Result<(String, Rows<'a>), VocabError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Rows::wrong(path, 1, &format!("{error}; it is not a model of pieces")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first: Vec<&str> = text.lines().next().unwrap_or_default().split('\t').collect();
    match first[..] {
        [MAGIC, found, VERSION] if found == learner => {}
        [MAGIC, found, VERSION] => {
            let what = format!("it is a model of {found:?}, but the tokenizer is {learner:?}");
            return Err(Rows::wrong(path, 1, &what));
        }
        [MAGIC, _, version] => {
            let what = format!("it has version {version}, this program reads {VERSION}");
            return Err(Rows::wrong(path, 1, &what));
        }
        _ => {
            return Err(Rows::wrong(
                path,
                1,
                &format!("expected {MAGIC}, a learner and a version"),
            ));
        }
    }
    let header = text.lines().take(3).flat_map(|line| [line, "\n"]).collect();
    Ok((header, Rows { lines: text.lines().enumerate() }))
}
