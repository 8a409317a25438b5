//! A loser tree: merges up to [`FAN_IN`] sorted runs, log₂ k comparisons a cell.
//!
//! Knuth, The Art of Computer Programming 3, §5.4.1. Inner node n of the tree holds the loser of
//! its match; the overall winner stands at node 0.
//!
//! ```text
//!            tree[0] winner
//!               │
//!            tree[1]
//!           ╱       ╲
//!       tree[2]    tree[3]
//!        ╱  ╲       ╱  ╲
//!   run 0  run 1  run 2  run 3
//! ```

use wordmill_flow::{Context, run_tasks};
use wordmill_formats::{FrameFile, RunDir};

use crate::cell::{Cell, combine};
use crate::error::CooccurError;
use crate::ranges::RowRanges;
use crate::run::{RunCursor, RunWriter};
use crate::spill::SpillRuns;

/// Never more open runs than this: the limit on open files is often 1024 and threads share it.
pub(crate) const FAN_IN: usize = 64;

/// What a merge of [`FAN_IN`] runs holds: a decoded and a raw frame of each.
pub(crate) const MERGE_BYTES: u64 = FAN_IN as u64 * (112 << 10);

/// Merges runs cell by cell; equal cells come one after another.
struct MergeTree {
    runs: Vec<RunCursor>,
    heads: Vec<Option<Cell>>,
    tree: Vec<usize>,
}

impl MergeTree {
    fn new(mut runs: Vec<RunCursor>) -> Result<Self, CooccurError> {
        assert!(!runs.is_empty() && runs.len() <= FAN_IN);
        let heads = runs.iter_mut().map(RunCursor::next).collect::<Result<Vec<_>, _>>()?;
        let mut merge = Self { tree: vec![usize::MAX; heads.len()], runs, heads };
        for run in 0..merge.heads.len() {
            merge.enter(run);
        }
        Ok(merge)
    }

    /// Plays run `run` up the empty tree: it waits at the first free node for an opponent.
    fn enter(&mut self, run: usize) {
        let (mut winner, mut node) = (run, (run + self.tree.len()) / 2);
        while node > 0 {
            if self.tree[node] == usize::MAX {
                self.tree[node] = winner;
                return;
            }
            self.play(node, &mut winner);
            node /= 2;
        }
        self.tree[0] = winner;
    }

    #[inline]
    fn play(&mut self, node: usize, winner: &mut usize) {
        if self.key(self.tree[node]) < self.key(*winner) {
            std::mem::swap(&mut self.tree[node], winner);
        }
    }

    #[inline]
    fn key(&self, run: usize) -> u64 {
        // Rows are below 2²⁸, so no cell has this key.
        self.heads[run].map_or(u64::MAX, |cell| cell.key)
    }

    #[inline]
    fn next(&mut self) -> Result<Option<Cell>, CooccurError> {
        let mut winner = self.tree[0];
        let Some(cell) = self.heads[winner] else {
            return Ok(None);
        };
        self.heads[winner] = self.runs[winner].next()?;
        let mut node = (winner + self.tree.len()) / 2;
        while node > 0 {
            self.play(node, &mut winner);
            node /= 2;
        }
        self.tree[0] = winner;
        Ok(Some(cell))
    }
}

/// Merges runs: hands over every cell once, summed, in ascending order.
pub(crate) fn merge_runs(
    runs: Vec<RunCursor>,
    mut emit: impl FnMut(Cell) -> Result<(), CooccurError>,
) -> Result<(), CooccurError> {
    if runs.is_empty() {
        return Ok(());
    }
    let mut tree = MergeTree::new(runs)?;
    let mut last = None;
    while let Some(cell) = tree.next()? {
        combine(&mut last, cell, &mut emit)?;
    }
    last.map_or(Ok(()), emit)
}

/// Merges groups of runs into larger runs, pass by pass, until at most `limit` are left, and opens
/// those. The list `name` is replaced after each pass, before the runs that it no longer needs go.
pub(crate) fn reduce(
    ctx: &Context,
    dir: &RunDir,
    ranges: &RowRanges,
    (name, limit): (&str, usize),
    mut list: SpillRuns,
) -> Result<Vec<FrameFile>, CooccurError> {
    let is_scrap = |file: &str, list: &SpillRuns| {
        file.starts_with(&format!("{name}-pass")) && !list.runs.iter().any(|run| run == file)
    };
    dir.sweep("spill", |file| is_scrap(file, &list))?;
    let mut pass = 0;
    while list.runs.len() > limit {
        // Runs of an earlier attempt's passes keep their names.
        while list.runs.iter().any(|run| run.starts_with(&format!("{name}-pass{pass:02}-"))) {
            pass += 1;
        }
        let files = list.open(dir)?;
        let groups: Vec<&[FrameFile]> = files.chunks(FAN_IN).collect();
        let workers = (ctx.budget.left() / MERGE_BYTES).clamp(1, ctx.threads as u64) as usize;
        let _memory = ctx.budget.reserve(MERGE_BYTES * workers as u64, "merging runs")?;
        let progress = ctx.progress.stage("merge pass", "runs", files.len() as u64);
        let runs = run_tasks(ctx, "merge-pass", workers, groups.len(), |group| {
            let run = format!("{name}-pass{pass:02}-{group:05}.run");
            let path = dir.path(&format!("spill/{run}"));
            let mut writer = RunWriter::create(dir.storage(), &path, ranges)?;
            let cursors = groups[group].iter().map(|file| RunCursor::new(file.clone(), None));
            merge_runs(cursors.collect(), |cell| Ok(writer.push(cell)?))?;
            let cells = writer.cells();
            let published = writer.finish()?;
            progress.add(groups[group].len() as u64);
            Ok::<_, CooccurError>((run, cells, published.bytes))
        })?;
        let old = std::mem::take(&mut list.runs);
        list.cells = runs.iter().map(|(_, cells, _)| cells).sum();
        list.bytes = runs.iter().map(|(_, _, bytes)| bytes).sum();
        list.runs = runs.into_iter().map(|(run, _, _)| run).collect();
        list.write(dir, name)?;
        old.iter().try_for_each(|run| dir.remove(&dir.path(&format!("spill/{run}"))))?;
    }
    Ok(list.open(dir)?)
}
