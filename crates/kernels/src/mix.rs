//! The two ends of a CBOW window (Mikolov et al. 2013): the words around a place are mixed into one vector, and the
//! change of that vector is spread over them.
//!
//! Terms: a `Window` names some rows, left and right of a place, and their weights; a mix is scale·Σ weight·row over
//! them; spreading adds scale·weight·step to each. Between the two is the step of `sgns` or `binomial` on the mixed
//! vectors. Both walk the dimension in panels of J blocks, rows in order, so a row that occurs twice counts twice and J
//! changes speed, never bits.

use crate::lanes::{Block, LANES, Lanes};
use crate::side::{Change, Side};

/// The rows around a place.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Ids of those on the left.
    pub left: &'a [u32],
    /// Ids of those on the right.
    pub right: &'a [u32],
    /// A weight for each: left, then right.
    pub weights: &'a [f32],
    /// The factor of all weights.
    pub scale: f32,
}

impl<'a> Window<'a> {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.left.len() + self.right.len()
    }

    /// Both sides with their weights.
    #[inline(always)]
    fn sides(&self) -> [(&'a [u32], &'a [f32]); 2] {
        let (left, right) = self.weights.split_at(self.left.len());
        [(self.left, left), (self.right, right)]
    }
}

/// `out = scale·Σ weight_i·row_i`, i ascending from 0.
#[inline(always)]
pub(crate) fn mix<S: Lanes, const J: usize>(s: S, side: &Side, window: &Window, out: &mut [f32]) {
    let (blocks, _) = out.as_chunks_mut::<LANES>();
    let mut at = 0;
    while at + J <= blocks.len() {
        let panel = (&mut blocks[at..at + J]).try_into().expect("J blocks were taken");
        mix_panel::<S, J>(s, side, window, at, panel);
        at += J;
    }
    while at < blocks.len() {
        let panel = (&mut blocks[at..=at]).try_into().expect("a block was taken");
        mix_panel::<S, 1>(s, side, window, at, panel);
        at += 1;
    }
}

#[inline(always)]
fn mix_panel<S: Lanes, const J: usize>(
    s: S,
    side: &Side,
    window: &Window,
    at: usize,
    out: &mut [Block; J],
) {
    let mut sums = [s.splat(0.0); J];
    for (ids, weights) in window.sides() {
        for (&id, &weight) in ids.iter().zip(weights) {
            let (row, weight) = (side.part::<J>(id, at), s.splat(weight));
            for j in 0..J {
                sums[j] = s.fma(weight, s.load(&row[j]), sums[j]);
            }
        }
    }
    let scale = s.splat(window.scale);
    for j in 0..J {
        s.store(s.mul(scale, sums[j]), &mut out[j]);
    }
}

/// `row_i += weight_i·(scale·(after − before))`, i ascending.
#[inline(always)]
pub(crate) fn spread<S: Lanes, const J: usize>(
    s: S,
    side: &mut Side,
    window: &Window,
    Change { before, after }: Change<'_>,
) {
    let (before, _) = before.as_chunks::<LANES>();
    let (after, _) = after.as_chunks::<LANES>();
    let mut at = 0;
    while at + J <= before.len() {
        let panels = [before, after].map(|it| it[at..at + J].try_into().expect("J blocks"));
        spread_panel::<S, J>(s, side, window, at, panels);
        at += J;
    }
    while at < before.len() {
        let panels = [before, after].map(|it| it[at..=at].try_into().expect("a block"));
        spread_panel::<S, 1>(s, side, window, at, panels);
        at += 1;
    }
}

#[inline(always)]
fn spread_panel<S: Lanes, const J: usize>(
    s: S,
    side: &mut Side,
    window: &Window,
    at: usize,
    [before, after]: [&[Block; J]; 2],
) {
    let (mut step, scale) = ([s.splat(0.0); J], s.splat(window.scale));
    for j in 0..J {
        step[j] = s.mul(scale, s.sub(s.load(&after[j]), s.load(&before[j])));
    }
    for (ids, weights) in window.sides() {
        for (&id, &weight) in ids.iter().zip(weights) {
            let (row, weight) = (side.part_mut::<J>(id, at), s.splat(weight));
            for j in 0..J {
                s.store(s.fma(weight, step[j], s.load(&row[j])), &mut row[j]);
            }
        }
    }
}
