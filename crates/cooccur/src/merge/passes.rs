//! More runs than may be open at once: groups of them are merged into longer runs first.

use std::sync::{Mutex, PoisonError};

use wordmill_flow::{Context, run_tasks};
use wordmill_formats::RunDir;

use super::rows::{FAN_IN, merge_range};
use crate::error::CooccurError;
use crate::runs::ranges::RowRanges;
use crate::runs::run::{CURSOR_BYTES, RunFile, RunWeights, RunWriter};
use crate::runs::spill::{RunRow, SpillRuns, open_run, run_path};
use crate::runs::sums::RowSums;

/// Memory of a merge of as many runs as may be, beside the sums.
pub(crate) const MERGE_BYTES: u64 = FAN_IN as u64 * CURSOR_BYTES + (1 << 20);

/// Merges runs until every partition has at most [`FAN_IN`]. The list on disk is replaced before
/// the runs that it no longer names are removed.
pub(crate) fn narrow(
    ctx: &Context,
    dir: &RunDir,
    ranges: &RowRanges,
    weights: RunWeights,
    list: SpillRuns,
) -> Result<SpillRuns, CooccurError> {
    let is_named = |file: &str| list.runs.iter().any(|run| run.file == file);
    dir.sweep("spill", |file| file.ends_with(".run") && !is_named(file))?;
    let list = Mutex::new(list);
    loop {
        let groups = groups(&list.lock().unwrap_or_else(PoisonError::into_inner).runs);
        if groups.is_empty() {
            return Ok(list.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        let left = ctx.budget.left();
        let one = MERGE_BYTES + RowSums::needed_bytes(ranges.rows());
        let workers = (left / one).clamp(1, ctx.threads as u64);
        let width = RowSums::widest(ranges.rows(), (left / workers).saturating_sub(MERGE_BYTES));
        let each = MERGE_BYTES + RowSums::needed_bytes(width);
        let _memory = ctx.budget.reserve(each * workers, "merging runs")?;
        let progress = ctx.progress.stage("merge pass", "groups", groups.len() as u64);
        run_tasks(ctx, "merge-pass", workers as usize, groups.len(), |group| {
            let old = &groups[group];
            let mut sums = RowSums::new(width);
            let new = merge_group(ctx, dir, ranges, weights, old, &mut sums)?;
            let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
            list.runs.retain(|run| !old.contains(run));
            list.runs.push(new);
            list.write(dir)?;
            drop(list);
            progress.add(1);
            old.iter().try_for_each(|run| dir.remove(&run_path(dir, &run.file)))?;
            Ok::<_, CooccurError>(())
        })?;
    }
}

/// Groups of runs of one partition that has too many.
fn groups(runs: &[RunRow]) -> Vec<Vec<RunRow>> {
    let partitions = runs.iter().map(|run| run.partition + 1).max().unwrap_or(0);
    let of = |partition| runs.iter().filter(move |run| run.partition == partition).cloned();
    let crowded = (0..partitions).map(|partition| of(partition).collect::<Vec<_>>());
    crowded
        .filter(|runs| runs.len() > FAN_IN)
        .flat_map(|runs| runs.chunks(FAN_IN).map(<[_]>::to_vec).collect::<Vec<_>>())
        .filter(|group| group.len() > 1)
        .collect()
}

fn merge_group(
    ctx: &Context,
    dir: &RunDir,
    ranges: &RowRanges,
    weights: RunWeights,
    group: &[RunRow],
    sums: &mut RowSums,
) -> Result<RunRow, CooccurError> {
    let partition = group[0].partition;
    let name = |file: &str| file.trim_end_matches(".run").to_owned();
    // The name of the first with a letter more: no other group and no earlier pass has it.
    let file = format!("{}m.run", name(&group[0].file));
    let files = group.iter().map(|run| open_run(dir, &run.file)).collect::<Result<Vec<_>, _>>()?;
    let run = RunFile::create(dir.storage(), &run_path(dir, &file), weights)?;
    let mut writer = RunWriter::new(weights.codes());
    let ours = (0..ranges.len()).filter(|&range| ranges.partition(range) == partition as usize);
    for range in ours {
        ctx.cancel.check_overdue()?;
        merge_range(&files, ranges, range, weights, sums, |row, columns, weights| {
            writer.row(&run, row, columns, weights)
        })?;
        writer.flush(&run)?;
    }
    let (cells, bytes) = (writer.cells(), run.finish()?.bytes);
    Ok(RunRow { partition, file, cells, bytes })
}
