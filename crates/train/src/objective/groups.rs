//! Groups the visits of a pass, so that their work becomes dense products.
//!
//! A *run* is up to four visits of one row; a *group* is runs with 32 visits in total, and 16
//! negatives that all its rows share. A run computes its negatives once, with the weight of all its
//! visits. This module does not know where visits come from.
//!
//! The degree of sharing was chosen by measurement on 22 million tokens of English at dimension 100, 5
//! epochs, two cores (loss, Google analogies, seconds): runs of 1: 2.192, 41.5, 68; 2: 2.195, 42.6, 49; 4:
//! 2.200, 41.1, 41; 8: 2.211, 39.6, 31. Half as many negatives for runs of 4: 2.213, 39.3, 34; a quarter
//! for runs of 1: 2.209, 41.0, 49.

use wordmill_kernels::{
    GROUP_NEGATIVES, GROUP_PAIRS, Group, GroupScratch, Kernels, LANES, Loss, Side, StepLoss,
    StepPlan, StepScratch, StepSide,
};

use crate::engine::Tally;
use crate::loss::TileLoss;
use crate::random::{Alias, Stream};
use crate::start::frozen::{Before, Fixed};

/// Most visits of a run.
const RUN_PAIRS: u32 = 4;

/// The visits of a pass, row by row, cut into runs.
#[derive(Default)]
pub(crate) struct Runs {
    /// Where the visits of each row begin in `columns`, and the end.
    starts: Vec<u32>,
    /// Column of each visit, row by row.
    columns: Vec<u32>,
    /// In random order.
    runs: Vec<Run>,
}

/// Consecutive visits of one row.
#[derive(Clone, Copy)]
struct Run {
    row: u32,
    start: u32,
    len: u32,
}

impl Runs {
    /// Puts the visits (row, column) of each row into random order, cuts them into runs, and puts the
    /// runs of all rows into random order.
    pub fn deal(&mut self, visits: &[(u32, u32)], rows: usize, stream: &mut Stream) {
        let Self { starts, columns, runs } = self;
        // Counted two places ahead, so that each start is in its own place after the columns are
        // placed.
        starts.clear();
        starts.resize(rows + 2, 0);
        visits.iter().for_each(|&(row, _)| starts[row as usize + 2] += 1);
        for row in 2..starts.len() {
            starts[row] += starts[row - 1];
        }
        columns.resize(visits.len(), 0);
        for &(row, column) in visits {
            let place = &mut starts[row as usize + 1];
            columns[*place as usize] = column;
            *place += 1;
        }
        runs.clear();
        for row in 0..rows as u32 {
            let (mut start, end) = (starts[row as usize], starts[row as usize + 1]);
            stream.shuffle(&mut columns[start as usize..end as usize]);
            while start < end {
                let len = RUN_PAIRS.min(end - start);
                runs.push(Run { row, start, len });
                start += len;
            }
        }
        stream.shuffle(runs);
    }

    /// Each run: a row and the columns that it visits.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.runs
            .iter()
            .map(|run| (run.row, &self.columns[run.start as usize..(run.start + run.len) as usize]))
    }
}

/// Rates of a pass.
pub(crate) struct Rates<'a> {
    /// The rate.
    pub rate: f32,
    /// The factor of the rate for each column.
    pub columns: &'a [f32],
}

/// The two sides of a pass, and how they are stepped.
pub(crate) enum Sides<'a> {
    /// Along the gradient of the kernel's own loss, or of another.
    Plain { rows: Side<'a>, columns: Side<'a>, loss: Option<TileLoss<'a>>, scratch: GroupScratch },
    /// By any rule.
    Stepped {
        rows: StepSide<'a>,
        columns: StepSide<'a>,
        loss: TileLoss<'a>,
        plan: StepPlan,
        scratch: StepScratch,
    },
}

/// Groups of runs: one being filled, and the full one before it, whose rows are being prefetched.
pub(crate) struct Groups<'a> {
    kernels: &'static Kernels,
    sides: Sides<'a>,
    rates: Rates<'a>,
    /// Rows that do not move, and the earlier values of those in a group.
    fixed: Fixed<'a>,
    before: Before,
    filling: Contents,
    full: Contents,
    tally: Tally,
}

/// The contents of a group.
#[derive(Default)]
struct Contents {
    rows: usize,
    row: [u32; GROUP_PAIRS],
    end: [u32; GROUP_PAIRS],
    negative_weight: [f32; GROUP_PAIRS],
    pairs: usize,
    column: [u32; GROUP_PAIRS],
    column_rate: [f32; GROUP_PAIRS],
    negatives: [u32; GROUP_NEGATIVES],
    negative_rate: [f32; GROUP_NEGATIVES],
}

impl<'a> Groups<'a> {
    pub fn new(
        kernels: &'static Kernels,
        sides: Sides<'a>,
        rates: Rates<'a>,
        fixed: Fixed<'a>,
    ) -> Self {
        let (filling, full, before) = Default::default();
        Self { kernels, sides, rates, fixed, before, filling, full, tally: Tally::default() }
    }

    /// Adds a run; `mass` is the weight of all negatives beside each of its visits. Negatives are drawn
    /// from `noise`.
    pub fn add(
        &mut self,
        row: u32,
        columns: &[u32],
        mass: f32,
        noise: &Alias,
        stream: &mut Stream,
    ) {
        let it = &self.filling;
        // A row that occurs again in a group is used with its changes.
        let comes_again = || self.fixed.has(row) && it.row[..it.rows].contains(&row);
        if it.pairs + columns.len() > GROUP_PAIRS || comes_again() {
            self.next(noise, stream);
        }
        let it = &mut self.filling;
        let visits = columns.len() as f32;
        for &column in columns {
            it.column[it.pairs] = column;
            it.column_rate[it.pairs] = self.rates.columns[column as usize];
            it.pairs += 1;
        }
        it.row[it.rows] = row;
        it.end[it.rows] = it.pairs as u32;
        it.negative_weight[it.rows] = mass * visits / GROUP_NEGATIVES as f32;
        it.rows += 1;
    }

    /// Trains the remaining groups and returns the tally.
    pub fn finish(mut self, noise: &Alias, stream: &mut Stream) -> Tally {
        // A stripe without columns, of a grid with more stripes than words, has nothing to draw.
        if self.rates.columns.is_empty() {
            return self.tally;
        }
        self.next(noise, stream);
        self.next(noise, stream);
        self.tally
    }

    /// Draws negatives for the group, prefetches its rows, and trains the group before it.
    /// Prefetching one group ahead takes 5 to 10 % off a pass over stripes of 2 MB.
    fn next(&mut self, noise: &Alias, stream: &mut Stream) {
        let it = &mut self.filling;
        it.negatives = std::array::from_fn(|_| noise.draw(stream));
        it.negative_rate = it.negatives.map(|id| self.rates.columns[id as usize]);
        let ask = |rows: &Side<'_>, columns: &Side<'_>| {
            self.kernels.prefetch(rows, &it.row[..it.rows]);
            self.kernels.prefetch(columns, &it.column[..it.pairs]);
            self.kernels.prefetch(columns, &it.negatives);
        };
        match &mut self.sides {
            Sides::Plain { rows, columns, .. } => ask(rows, columns),
            Sides::Stepped { rows, columns, .. } => ask(&rows.side(), &columns.side()),
        }
        std::mem::swap(&mut self.filling, &mut self.full);
        self.train();
    }

    /// Trains the group in `filling`, and empties it.
    fn train(&mut self) {
        let it = &mut self.filling;
        if it.rows == 0 {
            return;
        }
        let group = Group {
            row: &it.row[..it.rows],
            end: &it.end[..it.rows],
            col: &it.column[..it.pairs],
            weight: &[1.0; GROUP_PAIRS][..it.pairs],
            col_rate: &it.column_rate[..it.pairs],
            negatives: &it.negatives,
            negative_weight: &it.negative_weight[..it.rows],
            negative_sign: &[1.0; GROUP_NEGATIVES],
            negative_rate: &it.negative_rate,
        };
        let is_fixed = !self.fixed.is_none();
        if is_fixed {
            self.before.keep(&self.sides.rows(), group.row, |row| self.fixed.has(row));
        }
        let StepLoss { loss: Loss { loss, weight }, square } =
            self.sides.train(self.kernels, &group, self.rates.rate);
        if is_fixed {
            self.before.put_back(&mut self.sides.rows());
        }
        self.tally += Tally { loss, weight, visits: it.pairs as u64, square };
        (it.rows, it.pairs) = (0, 0);
    }
}

impl Sides<'_> {
    /// The vectors of the rows.
    fn rows(&mut self) -> Side<'_> {
        match self {
            Self::Plain { rows, .. } => Side { vectors: rows.vectors, stride: rows.stride },
            Self::Stepped { rows, .. } => rows.side(),
        }
    }

    fn train(&mut self, kernels: &Kernels, group: &Group<'_>, rate: f32) -> StepLoss {
        let loss = match self {
            Self::Plain { rows, columns, loss: None, scratch } => {
                kernels.sgns_group(rows, columns, group, rate, scratch)
            }
            Self::Plain { rows, columns, loss: Some(loss), scratch } => {
                let between = &mut |positive: &mut [f32], negative: &mut [[f32; LANES]]| {
                    loss.group(group, rate, positive, negative)
                };
                kernels.open_group(rows, columns, group, scratch, between)
            }
            Self::Stepped { rows, columns, loss, plan, scratch } => {
                let between = &mut |positive: &mut [f32], negative: &mut [[f32; LANES]]| {
                    loss.group(group, 1.0, positive, negative)
                };
                return kernels.step_group(rows, columns, group, plan, scratch, between);
            }
        };
        StepLoss { loss, square: 0.0 }
    }
}
