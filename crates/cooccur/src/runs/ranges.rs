//! Row ranges: how the rows of the matrix are cut into shards.
//!
//! The cut depends on the vocabulary and the window alone, never on threads or memory, so that
//! shards are the same bytes everywhere.

/// Cells that a range aims at, by an upper estimate. Some tens of megabytes as CSR: large enough to
/// be read in one go, small enough that ranges outnumber threads.
const TARGET_CELLS: u64 = 4 << 20;
/// The minimum number of ranges if there are enough rows, so that merging has parallel tasks.
const MIN_RANGES: u64 = 16;
/// Spill files of one batch; they are removed one by one while the matrix grows.
const MAX_PARTITIONS: usize = 16;

/// Consecutive ranges of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRanges {
    /// First row of each range, and the number of rows.
    starts: Vec<u32>,
}

impl RowRanges {
    /// Cuts the rows of a vocabulary with these counts, most frequent first.
    pub fn new(counts: &[u64], window: u8) -> Self {
        let words = counts.len() as u64;
        let cells = |&count: &u64| count.saturating_mul(2 * u64::from(window)).min(words).max(1);
        let total: u64 = counts.iter().map(cells).sum();
        let target = TARGET_CELLS.min(total / MIN_RANGES).max(1);
        let (mut starts, mut held) = (vec![0], 0);
        for (row, count) in counts.iter().enumerate() {
            if held >= target {
                starts.push(row as u32);
                held = 0;
            }
            held += cells(count);
        }
        starts.push(counts.len() as u32);
        Self { starts }
    }

    /// Number of ranges.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no range.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rows in all ranges.
    pub fn rows(&self) -> u32 {
        self.starts[self.len()]
    }

    /// First row and number of rows of a range.
    pub fn range(&self, range: usize) -> (u32, u32) {
        (self.starts[range], self.starts[range + 1] - self.starts[range])
    }

    /// Number of partitions: consecutive ranges whose cells are spilled to the same file.
    pub fn partitions(&self) -> usize {
        self.len().min(MAX_PARTITIONS)
    }

    /// The partition of a range.
    pub fn partition(&self, range: usize) -> usize {
        range * self.partitions() / self.len()
    }

    /// The range of a row.
    pub fn of(&self, row: u32) -> usize {
        self.starts.partition_point(|&start| start <= row) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_all_rows_once() {
        for words in [1usize, 2, 5, 1000, 100_000] {
            let counts: Vec<u64> = (0..words).map(|rank| 1_000_000 / (rank as u64 + 1)).collect();
            let ranges = RowRanges::new(&counts, 5);
            assert_eq!(ranges.rows() as usize, words);
            for range in 0..ranges.len() {
                let (first, rows) = ranges.range(range);
                assert!(rows > 0 && ranges.partition(range) < ranges.partitions());
                assert_eq!((ranges.of(first), ranges.of(first + rows - 1)), (range, range));
            }
        }
    }
}
