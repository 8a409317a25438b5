//! Golden files of tensors: matrix shards, the words of a vocabulary, vectors.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    CsrShard, CsrShardReader, CsrShardWriter, FormatError, MatrixShardRow, Storage, TensorFile,
    TensorReader, TensorWriter, Vectors, VectorsWriter, WORD_TENSORS, WordTable, WordTensors,
    Words, write_words,
};

use super::{Golden, Made};

/// The first rows of a matrix of six words, weights of 32 bits.
pub const NARROW_SHARD: Golden = Golden {
    name: "rows-00000-of-00002.safetensors",
    made: Made::Tensor,
    write: |storage, path| write_shard(storage, path, 0).map(drop),
    read: read_shard,
    holds: || holds_shard(0),
};

/// Its last rows, with a weight of more than 32 bits.
pub const WIDE_SHARD: Golden = Golden {
    name: "rows-00001-of-00002.safetensors",
    made: Made::Tensor,
    write: |storage, path| write_shard(storage, path, 1).map(drop),
    read: read_shard,
    holds: || holds_shard(1),
};

/// A word table as in the vocabulary.
pub const VOCABULARY: Golden = Golden {
    name: "vocabulary.safetensors",
    made: Made::Tensor,
    write: write_vocabulary,
    read: read_vocabulary,
    holds: || format!("{:?} {:?}", Some("12"), Known.listed()),
};

/// Vectors with context vectors and biases.
pub const BOTH_SIDES: Golden = Golden {
    name: "both-sides-v2.safetensors",
    made: Made::Tensor,
    write: write_both_sides,
    read: |storage, path| read_vectors(storage, path, &["context_vectors"]),
    holds: || {
        let sides = (word_vectors(), context_vectors());
        let columns = [Some(BIAS), Some(CONTEXT_BIAS)];
        holds_vectors(&sides.0, &[Some(sides.1)], &columns, None)
    },
};

/// Vectors with the inner nodes of a Huffman tree.
pub const TREE: Golden = Golden {
    name: "tree-v2.safetensors",
    made: Made::Tensor,
    write: write_tree,
    read: |storage, path| read_vectors(storage, path, &["node_vectors"]),
    holds: || {
        let nodes = context_vectors()[DIM..].to_vec();
        holds_vectors(&word_vectors(), &[Some(nodes)], &[None, None], Some(PARENTS))
    },
};

/// Six words in the order of their counts.
pub struct Known;

const WORDS: [&str; 6] = ["the", "a", "na\u{ef}ve", "na\u{ef}", "\u{65e5}\u{672c}\u{8a9e}", "b"];
const COUNTS: [u64; 6] = [1 << 40, 900, 7, 7, 5, 5];
const LOOKUP: [u32; 6] = [1, 5, 3, 2, 0, 4];

impl Words for Known {
    fn len(&self) -> usize {
        WORDS.len()
    }

    fn word(&self, id: usize) -> &[u8] {
        WORDS[id].as_bytes()
    }

    fn counts(&self) -> &[u64] {
        &COUNTS
    }

    fn lookup(&self) -> &[u32] {
        &LOOKUP
    }
}

type Listed = Vec<(String, u64, Option<usize>)>;

impl Known {
    /// Each word, its count, and the id under which it is found.
    fn listed(&self) -> Listed {
        let row = |id: usize| (WORDS[id].to_owned(), COUNTS[id], Some(id));
        (0..self.len()).map(row).collect()
    }
}

fn listed(table: &WordTable) -> Listed {
    let row = |id| (table.text(id).into_owned(), table.counts()[id], table.find(table.word(id)));
    (0..table.len()).map(row).collect()
}

fn write_vocabulary(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let settings = BTreeMap::from([("tokens".into(), "12".into())]);
    let mut writer = TensorWriter::create(storage, path, "vocabulary", &WORD_TENSORS, &settings)?;
    write_words(&mut writer, WordTensors::Wide, &Known)?;
    write_words(&mut writer, WordTensors::Narrow, &Known)?;
    writer.finish().map(drop)
}

fn read_vocabulary(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let file = TensorFile::open(storage, path)?;
    file.index().expect_kind("vocabulary")?;
    let table = WordTable::new(file)?;
    table.verify()?;
    TensorReader::open(storage, path)?.verify()?;
    let tokens = table.file().index().metadata().get("tokens").map(String::as_str);
    Ok(format!("{tokens:?} {:?}", listed(&table)))
}

/// The length of a golden vector.
pub const DIM: usize = 3;
pub const BIAS: &[f32] = &[0.5, -0.5, 0.0, -0.0, 1e-8, 3.0];
pub const CONTEXT_BIAS: &[f32] = &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// The parent of each word and then of each inner node, by its number; bit 31 for right children.
pub const PARENTS: &[u32] =
    &[4 | 1 << 31, 3 | 1 << 31, 1, 1 | 1 << 31, 0, 1 << 31, 2, 2 | 1 << 31, 3, 4, 4];

/// Numbers that are hard to print and to read.
pub fn word_vectors() -> Vec<f32> {
    let mut all = vec![0.1, -0.0, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -1.0 / 3.0];
    all.extend((0..12).map(|i| (i * i) as f32 / 7.0 - 2.0));
    all
}

pub fn context_vectors() -> Vec<f32> {
    (0..18).map(|i| i as f32 * 0.25).collect()
}

/// Starts a file and writes the word vectors.
fn begin_vectors(storage: &Arc<dyn Storage>, path: &Path) -> Result<VectorsWriter, FormatError> {
    let settings = BTreeMap::from([("model".into(), "golden".into())]);
    let mut writer = VectorsWriter::create(storage, path, &Known, DIM, &settings)?;
    matrix(&mut writer, "word_vectors", &word_vectors())?;
    Ok(writer)
}

fn matrix(writer: &mut VectorsWriter, name: &str, all: &[f32]) -> Result<(), FormatError> {
    writer.matrix(name, (all.len() / DIM) as u32, |ids, out| {
        out.extend_from_slice(&all[ids.start as usize * DIM..ids.end as usize * DIM]);
        Ok(())
    })
}

fn write_both_sides(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let mut writer = begin_vectors(storage, path)?;
    matrix(&mut writer, "context_vectors", &context_vectors())?;
    writer.column("word_bias", BIAS)?;
    writer.column("context_bias", CONTEXT_BIAS)?;
    writer.finish(&Known).map(drop)
}

fn write_tree(storage: &Arc<dyn Storage>, path: &Path) -> Result<(), FormatError> {
    let mut writer = begin_vectors(storage, path)?;
    matrix(&mut writer, "node_vectors", &context_vectors()[DIM..])?;
    writer.tree(PARENTS)?;
    writer.finish(&Known).map(drop)
}

fn read_vectors(
    storage: &Arc<dyn Storage>,
    path: &Path,
    matrices: &[&str],
) -> Result<String, FormatError> {
    let vectors = Vectors::open(storage, path)?;
    vectors.verify()?;
    TensorReader::open(storage, path)?.verify()?;
    let matrices: Vec<_> = matrices.iter().map(|name| vectors.matrix(name)).collect();
    let columns = ["word_bias", "context_bias"].map(|name| vectors.column(name));
    let parents =
        vectors.words().file().view::<u32>("tree_parents", wordmill_formats::Dtype::U32, 1);
    let model = vectors.settings().get("model").map(String::as_str);
    let (dim, words) = (vectors.dim(), listed(vectors.words()));
    let rows = vectors.word_vectors();
    Ok(format!("{model:?} {dim} {words:?} {rows:?} {matrices:?} {columns:?} {:?}", parents.ok()))
}

fn holds_vectors(
    rows: &[f32],
    matrices: &[Option<Vec<f32>>],
    columns: &[Option<&[f32]>; 2],
    parents: Option<&[u32]>,
) -> String {
    let words = Known.listed();
    format!("{:?} {DIM} {words:?} {rows:?} {matrices:?} {columns:?} {parents:?}", Some("golden"))
}

/// Row id, columns, weights.
type Row = (u32, Vec<u32>, Vec<u64>);

/// First row and cells of the rows that have some; the matrix is symmetric.
fn cells(shard: usize) -> (u32, u32, Vec<Row>) {
    let max = u64::from(u32::MAX);
    match shard {
        0 => (0, 3, vec![(0, vec![0, 1, 5], vec![4, max, 1]), (1, vec![0, 3], vec![max, 9])]),
        _ => (
            3,
            3,
            vec![
                (3, vec![1, 4], vec![9, 1 << 40]),
                (4, vec![3], vec![1 << 40]),
                (5, vec![0], vec![1]),
            ],
        ),
    }
}

/// Writes a shard and returns its row in the index.
pub fn write_shard(
    storage: &Arc<dyn Storage>,
    path: &Path,
    shard: usize,
) -> Result<MatrixShardRow, FormatError> {
    let (first_row, rows, cells) = cells(shard);
    let settings = BTreeMap::from([("unit".into(), "5".into())]);
    let (span, words) = (first_row..first_row + rows, WORDS.len() as u32);
    let mut writer = CsrShardWriter::create(storage, path, shard, span, words, &settings, 1 << 16)?;
    for row in first_row..first_row + rows {
        if let Some((_, columns, weights)) = cells.iter().find(|(id, _, _)| *id == row) {
            writer.cells(columns, weights)?;
        }
        writer.end_row();
    }
    writer.finish().map(|(_, row)| row)
}

fn read_shard(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    let shard = CsrShard::open(storage, path)?;
    shard.verify()?;
    let shape = match (shard.view()?, shard.view_wide()?) {
        (Some(view), None) => ("narrow", view.shape(), view.nnz()),
        (None, Some(view)) => ("wide", view.shape(), view.nnz()),
        _ => unreachable!("weights have one width"),
    };
    let mut rows: Vec<Row> = Vec::new();
    CsrShardReader::open(storage, path)?.for_each_piece(|row, columns, weights| {
        rows.push((row, columns.to_vec(), weights.to_vec()));
        Ok::<_, FormatError>(())
    })?;
    Ok(format!("{shape:?} {} {rows:?}", shard.first_row()))
}

fn holds_shard(shard: usize) -> String {
    let (first_row, rows, cells) = cells(shard);
    let stored: usize = cells.iter().map(|(_, columns, _)| columns.len()).sum();
    let shape = (["narrow", "wide"][shard], (rows as usize, WORDS.len()), stored);
    format!("{shape:?} {first_row} {cells:?}")
}
