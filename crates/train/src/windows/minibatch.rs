//! Rows and columns that are trained at once.
//!
//! Some rows, each with its own columns, and columns that all of them share. The latter are a range of a
//! list of the whole piece: its noise, or the nodes of paths.

use std::ops::Range;

use wordmill_kernels::{GROUP_NEGATIVES, GROUP_PAIRS, Group};

/// A minibatch; ids are slots.
#[derive(Clone)]
pub(crate) struct Minibatch {
    pub rows: usize,
    row: [u32; GROUP_PAIRS],
    end: [u32; GROUP_PAIRS],
    shared_weight: [f32; GROUP_PAIRS],
    pub pairs: usize,
    column: [u32; GROUP_PAIRS],
    weight: [f32; GROUP_PAIRS],
    shared: Range<usize>,
}

/// Columns that all rows of a minibatch share.
#[derive(Default)]
pub(crate) struct Shared {
    pub columns: Vec<u32>,
    /// 1 if scores should fall, −1 if they should rise.
    pub sign: Vec<f32>,
}

impl Shared {
    pub fn clear(&mut self) {
        self.columns.clear();
        self.sign.clear();
    }

    pub fn push(&mut self, column: u32, sign: f32) {
        self.columns.push(column);
        self.sign.push(sign);
    }
}

/// Minibatches of a piece, and of earlier ones whose memory is reused.
#[derive(Default)]
pub(crate) struct Minibatches {
    all: Vec<Minibatch>,
    used: usize,
}

impl Minibatches {
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Opens another minibatch, empty, whose rows share these columns.
    pub fn open(&mut self, shared: Range<usize>) -> &mut Minibatch {
        if self.used == self.all.len() {
            self.all.push(Minibatch::EMPTY);
        }
        let minibatch = &mut self.all[self.used];
        (minibatch.rows, minibatch.pairs, minibatch.shared) = (0, 0, shared);
        self.used += 1;
        minibatch
    }

    pub fn get(&self) -> &[Minibatch] {
        &self.all[..self.used]
    }

    pub fn last(&mut self) -> Option<&mut Minibatch> {
        self.all[..self.used].last_mut()
    }
}

impl Minibatch {
    const EMPTY: Self = Self {
        rows: 0,
        row: [0; GROUP_PAIRS],
        end: [0; GROUP_PAIRS],
        shared_weight: [0.0; GROUP_PAIRS],
        pairs: 0,
        column: [0; GROUP_PAIRS],
        weight: [0.0; GROUP_PAIRS],
        shared: 0..0,
    };

    /// Whether the minibatch has a row.
    pub fn has_row(&self, row: u32) -> bool {
        self.row[..self.rows].contains(&row)
    }

    /// Adds a row, and the weight of each shared column for it.
    pub fn push_row(&mut self, row: u32, shared_weight: f32) {
        self.row[self.rows] = row;
        self.shared_weight[self.rows] = shared_weight;
        self.end[self.rows] = self.pairs as u32;
        self.rows += 1;
    }

    /// Adds a column of the last row, which increases the weight of shared columns.
    pub fn push_pair(&mut self, column: u32, weight: f32, shared_weight: f32) {
        self.column[self.pairs] = column;
        self.weight[self.pairs] = weight;
        self.pairs += 1;
        self.end[self.rows - 1] = self.pairs as u32;
        self.shared_weight[self.rows - 1] += shared_weight;
    }

    pub fn group<'a>(&'a self, shared: &'a Shared) -> Group<'a> {
        Group {
            row: &self.row[..self.rows],
            end: &self.end[..self.rows],
            col: &self.column[..self.pairs],
            weight: &self.weight[..self.pairs],
            negatives: &shared.columns[self.shared.clone()],
            negative_weight: &self.shared_weight[..self.rows],
            negative_sign: &shared.sign[self.shared.clone()],
            col_rate: &[1.0; GROUP_PAIRS][..self.pairs],
            negative_rate: &[1.0; GROUP_NEGATIVES][..self.shared.len()],
        }
    }
}
