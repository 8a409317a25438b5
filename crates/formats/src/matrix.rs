//! The co-occurrence matrix: CSR shards of row ranges, and the index that lists them.
//!
//! A shard `rows-KKKKK-of-NNNNN.safetensors` holds, for the rows `first_row..first_row + rows`:
//!
//! | tensor | type | shape | what |
//! |---|---|---|---|
//! | `indptr.KKKKK` | u64 | rows + 1 | cells of local row r are `indptr[r]..indptr[r + 1]` |
//! | `weights.KKKKK` | u32, or u64 if one does not fit | cells | weight in whole units of 1 / `unit` |
//! | `indices.KKKKK` | u32 | cells | column ids, ascending within a row |
//!
//! so that `scipy.sparse.csr_matrix((weights, indices, indptr), shape=(rows, words))` is the shard.
//! `index.json` follows the sharded-safetensors convention (`metadata`, `weight_map`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sprs::CsMatViewI;

use crate::artefact::{Published, read_file, write_file};
use crate::error::FormatError;
use crate::spool::Spool;
use crate::storage::Storage;
use crate::tensor::{Dtype, TensorFile, TensorInfo, TensorReader, TensorWriter};

const KIND: &str = "csr-shard";
const INDEX_KIND: &str = "csr-index";
/// Version 2 has `samples`.
const INDEX_VERSION: u32 = 2;
const INDEX_LIMIT_BYTES: u64 = 1 << 30;
/// Cells read at a time: 768 KiB of indices and weights.
const PIECE_CELLS: usize = 1 << 16;

/// One shard in the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixShardRow {
    /// File name.
    pub file: String,
    /// First row.
    pub first_row: u32,
    /// Number of rows.
    pub rows: u32,
    /// Stored cells.
    pub cells: u64,
    /// Sum of the weights, in units.
    pub weight: u64,
    /// Digest of the shard.
    pub xxh3: String,
}

/// Properties of the matrix; see the table of the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixIndex {
    /// Rows and columns: the size of the vocabulary.
    pub words: u32,
    /// Weights are in units of 1 / `unit`.
    pub unit: u64,
    /// Samples of the text in which pairs were counted, 1 without subsampling.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub samples: u64,
    /// Stored cells in all shards.
    pub cells: u64,
    /// Sum of all weights, in units.
    pub weight: u64,
    /// Digest of the vocabulary that the ids belong to.
    pub vocabulary: String,
    /// How the weights were counted, for people.
    pub settings: BTreeMap<String, String>,
    /// The shards in row order.
    pub shards: Vec<MatrixShardRow>,
}

fn one() -> u64 {
    1
}

fn is_one(number: &u64) -> bool {
    *number == 1
}

#[derive(Serialize, Deserialize)]
struct IndexFile<M> {
    metadata: IndexMetadata<M>,
    weight_map: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct IndexMetadata<M> {
    kind: String,
    version: u32,
    matrix: M,
}

impl MatrixIndex {
    /// Publishes `index.json`.
    pub fn write(&self, storage: &Arc<dyn Storage>, path: &Path) -> Result<Published, FormatError> {
        let mut weight_map = BTreeMap::new();
        for (shard, row) in self.shards.iter().enumerate() {
            for tensor in ["indptr", "indices", "weights"] {
                weight_map.insert(format!("{tensor}.{shard:05}"), row.file.clone());
            }
        }
        let matrix = self.clone();
        // Only an index with the new field has the new version.
        let version = if is_one(&self.samples) { 1 } else { INDEX_VERSION };
        let metadata = IndexMetadata { kind: INDEX_KIND.into(), version, matrix };
        let file = IndexFile { metadata, weight_map };
        let json = serde_json::to_vec_pretty(&file).expect("plain data is JSON");
        write_file(storage, path, &json)
    }

    /// Reads `index.json` and checks that the shards follow one another.
    pub fn read(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let json = read_file(storage, path, INDEX_LIMIT_BYTES)?;
        let corrupt = |e: serde_json::Error| {
            FormatError::corrupt(path, 0, format!("not a matrix index: {e}"))
        };
        // Kind and version first: another version may have another layout.
        let head: IndexFile<IgnoredAny> = serde_json::from_slice(&json).map_err(corrupt)?;
        let (kind, found) = (head.metadata.kind, u64::from(head.metadata.version));
        if kind != INDEX_KIND {
            return Err(FormatError::foreign(path, "a matrix index", format!("it is {kind:?}")));
        }
        if !(1..=u64::from(INDEX_VERSION)).contains(&found) {
            let known = INDEX_VERSION.into();
            return Err(FormatError::Version { path: path.to_path_buf(), found, known });
        }
        let file: IndexFile<MatrixIndex> = serde_json::from_slice(&json).map_err(corrupt)?;
        let matrix = file.metadata.matrix;
        let mut next = 0u64;
        for shard in &matrix.shards {
            if u64::from(shard.first_row) != next {
                return Err(FormatError::corrupt(path, 0, "the shards leave a gap"));
            }
            next += u64::from(shard.rows);
        }
        if next != u64::from(matrix.words) {
            return Err(FormatError::corrupt(path, 0, "the shards do not cover all rows"));
        }
        let sum = |of: fn(&MatrixShardRow) -> u64| {
            matrix.shards.iter().try_fold(0u64, |sum, shard| sum.checked_add(of(shard)))
        };
        let sums = (sum(|shard| shard.cells), sum(|shard| shard.weight));
        if sums != (Some(matrix.cells), Some(matrix.weight)) {
            return Err(FormatError::corrupt(path, 0, "the shards do not add up to the matrix"));
        }
        Ok(matrix)
    }
}

/// A shard being written, row by row.
pub struct CsrShardWriter {
    writer: TensorWriter,
    shard: usize,
    row: MatrixShardRow,
    indptr: Vec<u64>,
    indices: Spool,
    weights: Spool,
    /// Weights that exceed u32: cell and value. They are stored as 0 among the u32.
    wide: Vec<(u64, u64)>,
}

impl CsrShardWriter {
    /// Starts shard number `shard` at `path`, of these rows of a matrix of `words` columns; buffers up to `limit_bytes`
    /// of cells in memory.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        shard: usize,
        rows: Range<u32>,
        words: u32,
        settings: &BTreeMap<String, String>,
        limit_bytes: usize,
    ) -> Result<Self, FormatError> {
        let (first_row, rows) = (rows.start, rows.end - rows.start);
        let mut settings = settings.clone();
        for (key, value) in [("first_row", first_row), ("rows", rows), ("words", words)] {
            settings.insert(key.into(), value.to_string());
        }
        let names = ["indptr.00000", "weights.00000", "indices.00000"];
        let writer = TensorWriter::create(storage, path, KIND, &names, &settings)?;
        let file = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let row =
            MatrixShardRow { file, first_row, rows, cells: 0, weight: 0, xxh3: String::new() };
        let spool = |name: &str| Spool::new(storage, &path.with_extension(name), limit_bytes / 2);
        let (indices, weights) = (spool("indices.scratch"), spool("weights.scratch"));
        Ok(Self { writer, shard, row, indptr: vec![0], indices, weights, wide: Vec::new() })
    }

    /// Appends a piece of the current row: ascending columns and their weights.
    pub fn cells(&mut self, columns: &[u32], weights: &[u64]) -> Result<(), FormatError> {
        assert_eq!(columns.len(), weights.len());
        self.indices.append(bytemuck::cast_slice(columns))?;
        let mut narrow = Vec::with_capacity(weights.len());
        for (&weight, cell) in weights.iter().zip(self.row.cells..) {
            let fits = u32::try_from(weight);
            if fits.is_err() {
                self.wide.push((cell, weight));
            }
            narrow.push(fits.unwrap_or(0));
            self.row.weight = self.row.weight.checked_add(weight).ok_or_else(|| {
                let what = "the weights of its rows sum to more than 64 bits: what they were counted from is damaged";
                FormatError::corrupt(self.writer.path(), 0, what)
            })?;
        }
        self.row.cells += columns.len() as u64;
        self.weights.append(bytemuck::cast_slice(&narrow))
    }

    /// Ends the current row.
    pub fn end_row(&mut self) {
        self.indptr.push(self.row.cells);
    }

    /// Publishes the shard.
    pub fn finish(mut self) -> Result<(Published, MatrixShardRow), FormatError> {
        assert_eq!(self.indptr.len() as u64, u64::from(self.row.rows) + 1, "a row is missing");
        let (shard, cells) = (self.shard, self.row.cells);
        let name = |tensor: &str| format!("{tensor}.{shard:05}");
        let rows = [self.indptr.len() as u64];
        self.writer.tensor(&name("indptr"), Dtype::U64, &rows, &self.indptr)?;
        let writer = &mut self.writer;
        match self.wide.is_empty() {
            true => {
                writer.begin(&name("weights"), Dtype::U32);
                self.weights.drain(|bytes| writer.write(bytes))?;
            }
            false => {
                writer.begin(&name("weights"), Dtype::U64);
                let (mut cell, mut wide) = (0, self.wide.iter().peekable());
                self.weights.drain(|bytes| {
                    let narrow = bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
                    let widened: Vec<u64> = narrow
                        .map(|bytes| {
                            cell += 1;
                            match wide.next_if(|(at, _)| *at == cell - 1) {
                                Some(&(_, weight)) => weight,
                                None => u64::from(u32::from_le_bytes(bytes)),
                            }
                        })
                        .collect();
                    writer.write(&widened)
                })?;
            }
        }
        self.writer.end(&[cells]);
        self.writer.begin(&name("indices"), Dtype::U32);
        let writer = &mut self.writer;
        self.indices.drain(|bytes| writer.write(bytes))?;
        self.writer.end(&[cells]);
        let published = self.writer.finish()?;
        self.row.xxh3 = format!("{:016x}", published.xxh3);
        Ok((published, self.row))
    }
}

/// The names, types and sizes of a shard's tensors.
#[derive(Clone, Debug)]
struct ShardTensors {
    first_row: u32,
    indptr: (String, TensorInfo),
    indices: (String, TensorInfo),
    weights: (String, TensorInfo),
    words: u32,
}

impl ShardTensors {
    fn find(index: &crate::tensor::TensorIndex) -> Result<Self, FormatError> {
        index.expect_kind(KIND)?;
        let find = |prefix: &str| {
            let mut found = index.tensors().iter().filter(|(name, _)| name.starts_with(prefix));
            let missing = || FormatError::corrupt(index.path(), 8, format!("no tensor {prefix}…"));
            found.next().map(|(name, info)| (name.clone(), info.clone())).ok_or_else(missing)
        };
        let (indptr, indices, weights) = (find("indptr.")?, find("indices.")?, find("weights.")?);
        let rows: u32 = index.setting("rows")?;
        let (first_row, words) = (index.setting::<u32>("first_row")?, index.setting("words")?);
        let inside = first_row.checked_add(rows).is_some_and(|end| end <= words);
        let shapes =
            inside && indptr.1.shape == [u64::from(rows) + 1] && indices.1.shape == weights.1.shape;
        let wide = [Dtype::U32, Dtype::U64].contains(&weights.1.dtype);
        if !shapes || !wide || indptr.1.dtype != Dtype::U64 || indices.1.dtype != Dtype::U32 {
            return Err(FormatError::corrupt(
                index.path(),
                8,
                "its tensors disagree about its size",
            ));
        }
        Ok(Self { first_row, indptr, indices, weights, words })
    }

    fn check_indptr(&self, path: &Path, indptr: &[u64]) -> Result<(), FormatError> {
        let ends = (indptr.first().copied(), indptr.last().copied());
        let ascends = indptr.windows(2).all(|pair| pair[0] <= pair[1]);
        if ends != (Some(0), Some(self.indices.1.shape[0])) || !ascends {
            return Err(FormatError::corrupt(path, self.indptr.1.offset, "indptr does not ascend"));
        }
        Ok(())
    }
}

/// A mapped shard, for random access and for views of other libraries.
#[derive(Clone, Debug)]
pub struct CsrShard {
    file: TensorFile,
    tensors: ShardTensors,
}

impl CsrShard {
    /// Maps a shard and checks its header and `indptr`.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let file = TensorFile::open(storage, path)?;
        let tensors = ShardTensors::find(file.index())?;
        tensors.check_indptr(path, file.view(&tensors.indptr.0, Dtype::U64, 1)?)?;
        Ok(Self { file, tensors })
    }

    /// First row of the shard.
    pub fn first_row(&self) -> u32 {
        self.tensors.first_row
    }

    /// The shard as a `sprs` matrix, if its weights are u32. Reads all of it to check the order.
    pub fn view(&self) -> Result<Option<CsMatViewI<'_, u32, u32, u64>>, FormatError> {
        if self.tensors.weights.1.dtype != Dtype::U32 {
            return Ok(None);
        }
        self.checked(self.file.view(&self.tensors.weights.0, Dtype::U32, 1)?).map(Some)
    }

    /// The same for weights that are u64.
    pub fn view_wide(&self) -> Result<Option<CsMatViewI<'_, u64, u32, u64>>, FormatError> {
        if self.tensors.weights.1.dtype != Dtype::U64 {
            return Ok(None);
        }
        self.checked(self.file.view(&self.tensors.weights.0, Dtype::U64, 1)?).map(Some)
    }

    /// Checks checksums and the order of all cells.
    pub fn verify(&self) -> Result<(), FormatError> {
        self.file.verify()?;
        match self.view()? {
            Some(_) => Ok(()),
            None => self.view_wide().map(drop),
        }
    }

    fn checked<'a, N>(
        &'a self,
        weights: &'a [N],
    ) -> Result<CsMatViewI<'a, N, u32, u64>, FormatError> {
        let indptr: &[u64] = self.file.view(&self.tensors.indptr.0, Dtype::U64, 1)?;
        let indices: &[u32] = self.file.view(&self.tensors.indices.0, Dtype::U32, 1)?;
        let shape = (indptr.len() - 1, self.tensors.words as usize);
        CsMatViewI::try_new(shape, indptr, indices, weights).map_err(|(_, _, _, error)| {
            let offset = self.tensors.indices.1.offset;
            FormatError::corrupt(self.file.index().path(), offset, error.to_string())
        })
    }
}

/// A shard read once sequentially in bounded memory.
pub struct CsrShardReader {
    reader: TensorReader,
    tensors: ShardTensors,
    indptr: Vec<u64>,
}

impl CsrShardReader {
    /// Opens a shard and reads its `indptr`.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let reader = TensorReader::open(storage, path)?;
        let tensors = ShardTensors::find(reader.index())?;
        let mut indptr = vec![0; tensors.indptr.1.shape[0] as usize];
        reader.read(&tensors.indptr.1, 0, &mut indptr)?;
        tensors.check_indptr(path, &indptr)?;
        Ok(Self { reader, tensors, indptr })
    }

    /// Digest of the shard, as in the index.
    pub fn digest(&self) -> u64 {
        self.reader.index().digest()
    }

    /// Checks all checksums, then passes on all cells in order: a row id, columns, weights. A long
    /// row comes in pieces.
    pub fn for_each_piece<E: From<FormatError>>(
        &self,
        mut each: impl FnMut(u32, &[u32], &[u64]) -> Result<(), E>,
    ) -> Result<(), E> {
        // A second reading, mostly from the system's cache, since an error here would spread to
        // everything computed from it.
        self.reader.verify()?;
        let total = self.tensors.indices.1.shape[0];
        let (mut columns, mut weights) = (Vec::new(), Vec::new());
        let (mut start, mut row) = (0u64, 0usize);
        while start < total {
            let end = total.min(start + PIECE_CELLS as u64);
            self.read_cells(start, end, &mut columns, &mut weights)?;
            let mut at = start;
            while at < end {
                while self.indptr[row + 1] <= at {
                    row += 1;
                }
                let stop = end.min(self.indptr[row + 1]);
                let span = (at - start) as usize..(stop - start) as usize;
                each(self.tensors.first_row + row as u32, &columns[span.clone()], &weights[span])?;
                at = stop;
            }
            start = end;
        }
        Ok(())
    }

    fn read_cells(
        &self,
        start: u64,
        end: u64,
        columns: &mut Vec<u32>,
        weights: &mut Vec<u64>,
    ) -> Result<(), FormatError> {
        let cells = (end - start) as usize;
        columns.resize(cells, 0);
        weights.resize(cells, 0);
        self.reader.read(&self.tensors.indices.1, start, columns)?;
        if let Some(column) = columns.iter().find(|&&column| column >= self.tensors.words) {
            let what = format!("column {column} of {} words", self.tensors.words);
            let offset = self.tensors.indices.1.offset + start * 4;
            return Err(FormatError::corrupt(self.reader.index().path(), offset, what));
        }
        if self.tensors.weights.1.dtype == Dtype::U64 {
            return self.reader.read(&self.tensors.weights.1, start, weights);
        }
        let mut narrow = vec![0u32; cells];
        self.reader.read(&self.tensors.weights.1, start, &mut narrow)?;
        weights.iter_mut().zip(narrow).for_each(|(wide, narrow)| *wide = u64::from(narrow));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStorage;

    fn check(rows: &[Vec<(u32, u64)>], limit_bytes: usize) {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let path = Path::new("m/rows-00001-of-00002.safetensors");
        let span = 10..10 + rows.len() as u32;
        let mut writer =
            CsrShardWriter::create(&storage, path, 1, span, 99, &BTreeMap::new(), limit_bytes)
                .unwrap();
        for row in rows {
            let (columns, weights): (Vec<_>, Vec<_>) = row.iter().copied().unzip();
            writer.cells(&columns, &weights).unwrap();
            writer.end_row();
        }
        let (_, entry) = writer.finish().unwrap();
        assert_eq!(entry.cells as usize, rows.iter().map(Vec::len).sum::<usize>());
        let mut found = vec![Vec::new(); rows.len()];
        CsrShardReader::open(&storage, path)
            .unwrap()
            .for_each_piece(|row, columns, weights| {
                let cells = columns.iter().copied().zip(weights.iter().copied());
                found[row as usize - 10].extend(cells);
                Ok::<_, FormatError>(())
            })
            .unwrap();
        assert_eq!(found, rows);
        let shard = CsrShard::open(&storage, path).unwrap();
        shard.verify().unwrap();
        let wide = rows.iter().flatten().any(|&(_, weight)| weight > u64::from(u32::MAX));
        assert_eq!(shard.view().unwrap().is_none(), wide);
        assert_eq!(shard.view_wide().unwrap().is_some(), wide);
    }

    #[test]
    fn shards_come_back_narrow_and_wide_from_memory_and_from_scratch() {
        let narrow =
            vec![vec![], vec![(0, 5), (7, 1), (98, u64::from(u32::MAX))], vec![(3, 2)], vec![]];
        let mut wide = narrow.clone();
        wide[2][0].1 = 1 << 40;
        for limit in [0, 1 << 20] {
            check(&narrow, limit);
            check(&wide, limit);
            check(&[vec![]], limit);
        }
    }
}
