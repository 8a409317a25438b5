//! Sums of the weights of one row: a dense array over columns, and which of them are not 0.
//!
//! Counting and merging both add here, so this is the only place where weights of equal cells are
//! summed. The array is random access in 8 bytes per column: for the vocabularies of most corpora
//! it stays in the second-level cache, and the frequent columns, which come first, do so for all.
//! If not all columns fit into memory, a row is summed one block of columns after the other.

/// The end of a line among places.
pub(crate) const END: u32 = u32::MAX;
/// Below this many cells sorting them is faster than walking the bit set.
const FEW_CELLS: usize = 64;

/// Sums of a row over a block of columns.
pub(crate) struct RowSums {
    /// First column of the block.
    base: u32,
    sums: Vec<u64>,
    /// Columns of the block with a sum, in order of appearance; as long as `sums` and one more.
    touched: Vec<u32>,
    cells: usize,
    /// A bit per column, and a bit for each 64 of those, to sort columns.
    bits: Vec<u64>,
    bits_of_bits: Vec<u64>,
    columns: Vec<u32>,
    weights: Vec<u64>,
}

impl RowSums {
    /// Memory that blocks of `width` columns take, in bytes.
    pub fn needed_bytes(width: u32) -> u64 {
        // Sums, touched columns, the columns and weights passed on, two bits.
        u64::from(width) * (8 + 4 + 4 + 8) + u64::from(width) / 7 + 4096
    }

    /// The widest block that takes at most `bytes`, of a matrix with `words` columns.
    pub fn widest(words: u32, bytes: u64) -> u32 {
        let width = (bytes.saturating_sub(4096) / 25).clamp(64, u64::from(u32::MAX)) as u32;
        width.min(words).max(1)
    }

    /// Empty sums over blocks of `width` columns.
    pub fn new(width: u32) -> Self {
        let words = (width as usize).div_ceil(64);
        Self {
            base: 0,
            sums: vec![0; width as usize],
            touched: vec![0; width as usize + 1],
            cells: 0,
            bits: vec![0; words],
            bits_of_bits: vec![0; words.div_ceil(64)],
            columns: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// The first columns of the blocks that a row of `words` columns takes.
    pub fn blocks(&self, words: u32) -> impl Iterator<Item = u32> + use<> {
        (0..words).step_by(self.sums.len())
    }

    /// Moves to the block that begins at column `base`. The sums must be empty.
    pub fn enter(&mut self, base: u32) {
        debug_assert_eq!(self.cells, 0, "the sums of the block before were taken");
        self.base = base;
    }

    /// The first column after the block.
    pub fn end(&self) -> u64 {
        u64::from(self.base) + self.sums.len() as u64
    }

    /// Adds a weight above 0 to a column; a column outside the block is ignored.
    ///
    /// No sum can overflow, see `WindowConfig::check_total`.
    #[inline(always)]
    pub fn add(&mut self, column: u32, weight: u64) {
        let place = column.wrapping_sub(self.base);
        if let Some(sum) = self.sums.get_mut(place as usize) {
            // Without a branch, since whether a column is new is hard to predict.
            self.touched[self.cells] = place;
            self.cells += usize::from(*sum == 0);
            *sum += weight;
        }
    }

    /// Adds weights to words, one after another, up to the end of the line.
    #[inline(always)]
    pub fn add_line<'a>(&mut self, words: impl Iterator<Item = &'a u32>, weights: &[u64]) {
        let (base, sums, touched) = (self.base, &mut self.sums[..], &mut self.touched[..]);
        let mut cells = self.cells;
        for (&word, &weight) in words.zip(weights) {
            if word == END {
                break;
            }
            let place = word.wrapping_sub(base);
            if let Some(sum) = sums.get_mut(place as usize) {
                touched[cells] = place;
                cells += usize::from(*sum == 0);
                *sum += weight;
            }
        }
        self.cells = cells;
    }

    /// Passes on columns, ascending, with their sums, and clears them.
    pub fn take(&mut self) -> (&[u32], &[u64]) {
        self.columns.clear();
        self.weights.clear();
        if self.cells < FEW_CELLS {
            let touched = &mut self.touched[..self.cells];
            touched.sort_unstable();
            for &place in &*touched {
                self.columns.push(self.base + place);
                self.weights.push(std::mem::take(&mut self.sums[place as usize]));
            }
        } else {
            self.take_by_bits();
        }
        self.cells = 0;
        (&self.columns, &self.weights)
    }

    fn take_by_bits(&mut self) {
        for &place in &self.touched[..self.cells] {
            let word = place / 64;
            self.bits[word as usize] |= 1 << (place % 64);
            self.bits_of_bits[(word / 64) as usize] |= 1 << (word % 64);
        }
        self.columns.reserve(self.cells);
        self.weights.reserve(self.cells);
        for (at, outer) in self.bits_of_bits.iter_mut().enumerate() {
            let mut words = std::mem::take(outer);
            while words > 0 {
                let word = at * 64 + words.trailing_zeros() as usize;
                words &= words - 1;
                let mut places = std::mem::take(&mut self.bits[word]);
                while places > 0 {
                    let place = word * 64 + places.trailing_zeros() as usize;
                    places &= places - 1;
                    self.columns.push(self.base + place as u32);
                    self.weights.push(std::mem::take(&mut self.sums[place]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(words: u32, width: u32, cells: &[(u32, u64)]) {
        let mut sums = RowSums::new(width);
        for _ in 0..2 {
            let mut expected = BTreeMap::new();
            cells.iter().for_each(|&(column, weight)| {
                *expected.entry(column).or_insert(0) += weight;
            });
            let mut found = Vec::new();
            for base in sums.blocks(words) {
                sums.enter(base);
                cells.iter().for_each(|&(column, weight)| sums.add(column, weight));
                let (columns, weights) = sums.take();
                found.extend(columns.iter().copied().zip(weights.iter().copied()));
            }
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn sums_come_out_in_order_for_any_block() {
        let mut state = 3u64;
        let mut next = |limit: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % limit
        };
        for cells in [0, 1, 63, 64, 65, 5000] {
            let words = 9000;
            let cell = |_| ((next(95) * next(95)) as u32, 1 + next(1 << 40));
            let cells: Vec<(u32, u64)> = (0..cells).map(cell).collect();
            for width in [words, words - 1, 4097, 64, 7] {
                check(words, width, &cells);
            }
        }
    }
}
