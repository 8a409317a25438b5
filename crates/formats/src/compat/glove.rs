//! GloVe's formats: vectors as text, `vocab.txt`, and `cooccurrence.bin`.
//!
//! * Vectors: word2vec's text format without the header line.
//! * `vocab.txt`: one line per word, `word count`, most frequent first. The word of line n has the
//!   id n.
//! * `cooccurrence.bin`: records of 16 bytes, in any order:
//!
//! | bytes | type | what |
//! |---|---|---|
//! | 0..4 | i32 | id of the word, from 1 |
//! | 4..8 | i32 | id of the context word, from 1 |
//! | 8..16 | f64 | weight |
//!
//! It is a dump of C structures; all supported machines are little-endian.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::plain::PlainWriter;
use super::{Rows, word2vec};
use crate::artefact::Published;
use crate::error::FormatError;
use crate::storage::Storage;
use crate::words::Words;

/// Bytes of a record of `cooccurrence.bin`.
pub const RECORD_BYTES: usize = 16;
/// Size of the buffer into which GloVe's programs read a word.
const WORD_BYTES_MAX: usize = 1000;
/// Characters at which C's `scanf` ends a word.
const WHITE_SPACE: &[u8] = b" \t\n\x0b\x0c\r";

/// Writes the text format of GloVe.
pub fn write_text(
    storage: &Arc<dyn Storage>,
    path: &Path,
    rows: &Rows<'_>,
) -> Result<Published, FormatError> {
    word2vec::write(storage, path, rows, word2vec::Header::None, word2vec::text_row)
}

/// `vocab.txt` being written.
pub struct VocabularyWriter {
    writer: PlainWriter,
}

impl VocabularyWriter {
    /// Writes all words with their counts to a partial file.
    ///
    /// # Errors
    /// [`FormatError::Unwritable`] for a word that GloVe's programs would misread.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        words: &impl Words,
    ) -> Result<Self, FormatError> {
        let mut writer = PlainWriter::create(storage, path)?;
        for (id, count) in words.counts().iter().enumerate() {
            let word = words.word(id);
            if word.iter().any(|byte| WHITE_SPACE.contains(byte)) || word.len() > WORD_BYTES_MAX {
                let start = String::from_utf8_lossy(&word[..word.len().min(40)]).into_owned();
                let what = format!(
                    "the word {start:?} of {} bytes contains white space or is longer than \
                     {WORD_BYTES_MAX} bytes, which this format cannot hold; raise \
                     vocabulary.min_count or choose another tokenizer",
                    word.len()
                );
                let path = path.to_path_buf();
                return Err(FormatError::Unwritable { path, format: "GloVe's vocab.txt", what });
            }
            writer.append(|out| {
                out.extend_from_slice(word);
                writeln!(out, " {count}").expect("writing to memory");
            })?;
        }
        Ok(Self { writer })
    }

    /// Publishes the file.
    pub fn finish(self) -> Result<Published, FormatError> {
        self.writer.finish()
    }
}

/// `cooccurrence.bin` being written.
pub struct CountsWriter {
    writer: PlainWriter,
}

impl CountsWriter {
    /// Starts a file over `words` words.
    ///
    /// # Errors
    /// [`FormatError::Unwritable`] if there are more words than an i32 can number.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        words: u32,
    ) -> Result<Self, FormatError> {
        if i32::try_from(words).is_err() {
            let what = format!(
                "{words} words, its ids end at {}; set vocabulary.max_size or choose another format",
                i32::MAX
            );
            let path = path.to_path_buf();
            return Err(FormatError::Unwritable { path, format: "GloVe's cooccurrence.bin", what });
        }
        Ok(Self { writer: PlainWriter::create(storage, path)? })
    }

    /// Appends a record; ids count from 0 here.
    #[inline]
    pub fn record(&mut self, row: u32, column: u32, weight: f64) -> Result<(), FormatError> {
        self.writer.append(|out| {
            out.extend_from_slice(&(row + 1).to_le_bytes());
            out.extend_from_slice(&(column + 1).to_le_bytes());
            out.extend_from_slice(&weight.to_le_bytes());
        })
    }

    /// Publishes the file.
    pub fn finish(self) -> Result<Published, FormatError> {
        self.writer.finish()
    }
}

/// The ids, from 1, and the weight of a record.
#[inline]
pub fn parse_record(record: &[u8; RECORD_BYTES]) -> (i32, i32, f64) {
    let [a, b, c, d, e, f, g, h, weight @ ..] = *record;
    let ids = (i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h]));
    (ids.0, ids.1, f64::from_le_bytes(weight))
}
