//! Reads artefacts of a run back, for tests that examine them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{CsrShardReader, DiskStorage, FormatError, MatrixIndex, Storage};

/// The disk.
pub fn disk() -> Arc<dyn Storage> {
    Arc::new(DiskStorage)
}

/// Cells by row and column.
pub type Cells = BTreeMap<(u32, u32), u64>;

/// The unit and the cells of a matrix, whose number and weight are checked against its index.
pub fn read_matrix(run: &Path) -> (u64, Cells) {
    let index = MatrixIndex::read(&disk(), &run.join("matrix/index.json")).unwrap();
    let mut cells = Cells::new();
    for shard in &index.shards {
        let reader = CsrShardReader::open(&disk(), &run.join("matrix").join(&shard.file)).unwrap();
        let each = |row, columns: &[u32], weights: &[u64]| {
            let pairs = columns.iter().zip(weights);
            cells.extend(pairs.map(|(&column, &weight)| ((row, column), weight)));
            Ok::<_, FormatError>(())
        };
        reader.for_each_piece(each).unwrap();
    }
    assert_eq!(cells.len() as u64, index.cells);
    assert_eq!(cells.values().sum::<u64>(), index.weight);
    (index.unit, cells)
}
