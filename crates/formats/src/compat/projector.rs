//! The format of TensorBoard's projector: a folder with numbers, words and a description.
//!
//! | file | what |
//! |---|---|
//! | `tensors.tsv` | one line per row, numbers separated by tabs |
//! | `metadata.tsv` | `word<TAB>count`, then one line per row |
//! | `projector_config.pbtxt` | for TensorBoard's `--logdir` |
//! | `projector_config.json` | for the projector alone |

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::Rows;
use super::plain::PlainWriter;
use crate::artefact::{Published, check_no_stream, write_file};
use crate::error::FormatError;
use crate::storage::Storage;

/// Writes the folder; returns the file of the numbers.
///
/// # Errors
/// [`FormatError::Unwritable`] for a word with a tab or a line end; storage errors.
pub fn write(
    storage: &Arc<dyn Storage>,
    folder: &Path,
    rows: &Rows<'_>,
) -> Result<Published, FormatError> {
    check_no_stream(storage, folder, "a folder for TensorBoard's projector")?;
    let mut words = PlainWriter::create(storage, &folder.join("metadata.tsv"))?;
    words.append(|out| out.extend_from_slice(b"word\tcount\n"))?;
    for index in 0..rows.len {
        let word = (rows.word)(index);
        if word.is_empty() || word.contains(['\t', '\n', '\r']) {
            let what = format!("the word {word:?} is empty or has a tab or a line end in it");
            let path = folder.to_path_buf();
            return Err(FormatError::Unwritable { path, format: "TensorBoard's projector", what });
        }
        let count = (rows.count)(index);
        words.append(|out| writeln!(out, "{word}\t{count}").expect("writing to memory"))?;
    }
    words.finish()?;
    let pbtxt =
        "embeddings {\n  tensor_path: \"tensors.tsv\"\n  metadata_path: \"metadata.tsv\"\n}\n";
    write_file(storage, &folder.join("projector_config.pbtxt"), pbtxt.as_bytes())?;
    let json = serde_json::json!({"embeddings": [{
        "tensorName": "word vectors",
        "tensorShape": [rows.len, rows.dim],
        "tensorPath": "tensors.tsv",
        "metadataPath": "metadata.tsv",
    }]});
    let json = serde_json::to_vec_pretty(&json).expect("numbers and strings are JSON");
    write_file(storage, &folder.join("projector_config.json"), &json)?;
    let mut numbers = PlainWriter::create(storage, &folder.join("tensors.tsv"))?;
    let mut vector = Vec::new();
    for index in 0..rows.len {
        vector.clear();
        (rows.vector)(index, &mut vector);
        numbers.append(|out| {
            for (at, value) in vector.iter().enumerate() {
                let mark = if at == 0 { "" } else { "\t" };
                write!(out, "{mark}{value}").expect("writing to memory");
            }
            out.push(b'\n');
        })?;
    }
    numbers.finish()
}
