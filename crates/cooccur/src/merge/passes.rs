//! Merges groups of runs into longer runs, if there are more than may be open at once.
//!
//! A pass is a step, and a group is a unit of it. A run that a killed process wrote without adding it to the list is
//! removed, not kept: only the list says which runs count.

use std::sync::{Mutex, PoisonError};

use wordmill_flow::{Context, Label, StageProgress, Step, Unit, run_step};
use wordmill_formats::RunDir;

use super::rows::{FAN_IN, merge_range};
use crate::error::CooccurError;
use crate::runs::ranges::RowRanges;
use crate::runs::run::{CURSOR_BYTES, RunFile, RunWeights, RunWriter};
use crate::runs::spill::{RunRow, SpillRuns, open_run, run_path};
use crate::runs::sums::RowSums;

/// Memory of a merge of as many runs as allowed, beside the sums.
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
        let pass = Pass { ctx, dir, ranges, weights, width, groups, list: &list };
        run_step(ctx, &pass, workers as usize)?;
    }
}

/// The step: a longer run for each group.
pub(crate) struct Pass<'a> {
    pub ctx: &'a Context,
    pub dir: &'a RunDir,
    pub ranges: &'a RowRanges,
    pub weights: RunWeights,
    /// Columns that are summed at once.
    pub width: u32,
    pub groups: Vec<Vec<RunRow>>,
    /// The runs that count.
    pub list: &'a Mutex<SpillRuns>,
}

impl Step for Pass<'_> {
    type Done = RunRow;
    type Error = CooccurError;

    fn label(&self) -> Label {
        Label { stage: "merge pass", threads: "merge-pass", noun: "groups" }
    }

    fn units(&self) -> usize {
        self.groups.len()
    }

    fn unit(&self, at: usize) -> Unit {
        let group = &self.groups[at];
        let file = merged_name(group);
        Unit {
            name: format!("merge-pass/{}", stem(&file)),
            reads: group.iter().map(|run| run_path(self.dir, &run.file)).collect(),
            writes: vec![run_path(self.dir, &file)],
        }
    }

    fn finished(&self, _: usize) -> Result<Option<RunRow>, CooccurError> {
        Ok(None)
    }

    fn make(&self, at: usize, _: &StageProgress) -> Result<RunRow, CooccurError> {
        let mut sums = RowSums::new(self.width);
        self.merge_group(&self.groups[at], &mut sums)
    }

    /// Replaces the group on the list by the run, then removes the group.
    fn settle(&self, at: usize, new: &mut RunRow) -> Result<(), CooccurError> {
        let old = &self.groups[at];
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.runs.retain(|run| !old.contains(run));
        list.runs.push(new.clone());
        list.write(self.dir)?;
        drop(list);
        old.iter().try_for_each(|run| self.dir.remove(&run_path(self.dir, &run.file)))?;
        Ok(())
    }
}

/// Groups of runs of one partition that has too many.
pub(crate) fn groups(runs: &[RunRow]) -> Vec<Vec<RunRow>> {
    let partitions = runs.iter().map(|run| run.partition + 1).max().unwrap_or(0);
    let of = |partition| runs.iter().filter(move |run| run.partition == partition).cloned();
    let crowded = (0..partitions).map(|partition| of(partition).collect::<Vec<_>>());
    crowded
        .filter(|runs| runs.len() > FAN_IN)
        .flat_map(|runs| runs.chunks(FAN_IN).map(<[_]>::to_vec).collect::<Vec<_>>())
        .filter(|group| group.len() > 1)
        .collect()
}

fn stem(file: &str) -> &str {
    file.trim_end_matches(".run")
}

/// The name of the first run with one more letter, which no other group or earlier pass has.
fn merged_name(group: &[RunRow]) -> String {
    format!("{}m.run", stem(&group[0].file))
}

impl Pass<'_> {
    fn merge_group(&self, group: &[RunRow], sums: &mut RowSums) -> Result<RunRow, CooccurError> {
        let Self { ctx, dir, ranges, weights, .. } = *self;
        let (partition, file) = (group[0].partition, merged_name(group));
        let files =
            group.iter().map(|run| open_run(dir, &run.file)).collect::<Result<Vec<_>, _>>()?;
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
}
