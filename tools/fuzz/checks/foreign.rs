//! Vectors of other programs.

use std::path::Path;
use std::sync::Arc;

use wordmill_formats::compat::incoming::{BadRows, ListedWords, RowConfig, VectorFile};
use wordmill_formats::compat::{Rows, word2vec};
use wordmill_formats::{FormatError, Storage, Words};

use super::{Read, Target, nothing_to_repair};

/// Two sources with their buffers, the longest vector, and lines that grow by doubling.
const FIXED_BYTES: usize = 4 << 20;
/// Rows kept here to be compared, and written again, beside the words.
const TIMES: usize = 256;

/// The readers of other programs' vectors. A file is read as what it looks like, whatever the target;
/// the seeds differ.
pub const TARGETS: &[Target] = &[
    foreign("word2vec", read_vectors),
    foreign("glove", read_vectors),
    foreign("npy", read_array),
];

const fn foreign(
    name: &'static str,
    read: fn(&Arc<dyn Storage>, &Path) -> Result<(), FormatError>,
) -> Target {
    let (fixed_bytes, times) = (FIXED_BYTES, TIMES);
    Target { name, read: Read::Stored(read), repair: nothing_to_repair, fixed_bytes, times }
}

fn read_vectors(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    if let Err(error) = read_leniently(storage, path) {
        assert!(error.is_bad_artefact(), "{error}");
    }
    let file = VectorFile::open(storage, path)?;
    let rows = rows_of(&file)?;
    let words = ListedWords::read(&file)?;
    assert_eq!(words.len(), rows.len());
    assert!(file.rows().is_none_or(|said| said == rows.len() as u64));
    for (id, (word, vector)) in rows.iter().enumerate() {
        assert_eq!(words.word(id), word.as_bytes());
        assert!(vector.len() == file.dim() && vector.iter().all(|number| number.is_finite()));
    }
    read_again(storage, file.dim(), &rows);
    Ok(())
}

/// Bad rows left out or mended: both readings of a file agree about which rows are left.
fn read_leniently(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    for bad_rows in [BadRows::Skip, BadRows::Repair] {
        let file = VectorFile::open_with(storage, path, RowConfig { bad_rows, advice: "" })?;
        let words = ListedWords::read(&file)?;
        let mut reader = words.reader(&file)?;
        for id in 0..words.len() {
            assert!(reader.advance()?, "as many rows as words");
            assert_eq!(words.word(id), reader.word().as_bytes());
            let vector = reader.vector();
            assert!(vector.len() == file.dim() && vector.iter().all(|number| number.is_finite()));
        }
        assert!(!reader.advance()?, "as many words as rows");
        assert!(words.rows().twice <= reader.rows_read());
    }
    Ok(())
}

fn rows_of(file: &VectorFile) -> Result<Vec<(String, Vec<f32>)>, FormatError> {
    let mut reader = file.reader()?;
    let mut rows = Vec::new();
    while reader.advance()? {
        rows.push((reader.word().to_owned(), reader.vector().to_vec()));
    }
    Ok(rows)
}

/// What was read is written in our way, and says the same then.
fn read_again(storage: &Arc<dyn Storage>, dim: usize, rows: &[(String, Vec<f32>)]) {
    let out = Path::new("again");
    let again = Rows {
        len: rows.len(),
        dim,
        count: &|_| 0,
        word: &|row| rows[row].0.clone(),
        vector: &|row, out| out.extend_from_slice(&rows[row].1),
    };
    match word2vec::write_text(storage, out, &again) {
        Err(FormatError::Unwritable { .. }) => {}
        written => {
            written.expect("memory can be written");
            let file = VectorFile::open(storage, out).expect("our own writer's");
            assert_eq!(rows_of(&file).expect("our own writer's"), rows);
        }
    }
}

/// The bytes as an array with words of the right number, and as the words of another array.
fn read_array(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let array = Path::new("hostile/b");
    let bytes = storage.map(path).expect("it was put there").to_vec();
    put(storage, array, include_bytes!("../seeds/npy/three.npy"));
    put(storage, &VectorFile::names_path(array), &bytes);
    if let Err(error) = read_vectors(storage, array) {
        assert!(error.is_bad_artefact(), "{error}");
    }
    let rows = VectorFile::open(storage, path)?.rows().unwrap_or(0).min(999);
    let names: String = (0..rows).map(|row| format!("w{row} 7\n")).collect();
    put(storage, &VectorFile::names_path(path), names.as_bytes());
    read_vectors(storage, path)
}

fn put(storage: &Arc<dyn Storage>, path: &Path, bytes: &[u8]) {
    let mut file = storage.create(path).expect("memory can be written");
    file.write_all(bytes).expect("memory can be written");
}
