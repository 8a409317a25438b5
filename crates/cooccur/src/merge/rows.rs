//! Merges rows from several runs.

use wordmill_formats::{FormatError, FrameFile};

use crate::error::CooccurError;
use crate::runs::ranges::RowRanges;
use crate::runs::run::{RunCursor, RunWeights};
use crate::runs::sums::RowSums;

/// Limit of open runs in one merge: the limit on open files is often 1024, and threads share it.
pub(crate) const FAN_IN: usize = 64;

/// Merges the cells of a row range: calls `each` with the summed cells of every row that has any,
/// in pieces, in order. It compares nothing, so the number of runs hardly matters.
pub(crate) fn merge_range(
    files: &[FrameFile],
    ranges: &RowRanges,
    range: usize,
    weights: RunWeights,
    sums: &mut RowSums,
    mut each: impl FnMut(u32, &[u32], &[u64]) -> Result<(), FormatError>,
) -> Result<u64, CooccurError> {
    assert!(files.len() <= FAN_IN, "{} runs at once", files.len());
    let open = |file: &FrameFile| RunCursor::new(file.clone(), ranges, range, weights);
    let mut cursors = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let mut holders: Vec<usize> = Vec::new();
    let mut read = 0;
    while let Some(row) = cursors.iter().filter_map(RunCursor::row).min() {
        holders.clear();
        holders.extend((0..cursors.len()).filter(|&cursor| cursors[cursor].row() == Some(row)));
        if let [only] = holders[..] {
            cursors[only].take(row, u64::MAX, |columns, weights| {
                read += columns.len() as u64;
                each(row, columns, weights)
            })?;
            continue;
        }
        for base in sums.blocks(ranges.rows()) {
            sums.enter(base);
            let end = sums.end();
            for &holder in &holders {
                cursors[holder].take(row, end, |columns, weights| {
                    read += columns.len() as u64;
                    for (&column, &weight) in columns.iter().zip(weights) {
                        sums.add(column, weight);
                    }
                    Ok(())
                })?;
            }
            let (columns, weights) = sums.take();
            each(row, columns, weights)?;
        }
    }
    Ok(read)
}
