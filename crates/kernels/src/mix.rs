//! The two ends of a CBOW window (Mikolov et al. 2013): the words around it are mixed into one vector, and what that
//! vector learns is spread over them.
//!
//! Nouns: a mix is Σ weight·row over some rows; spreading adds weight·step to each of them. Between the two stands the step of
//! `sgns` or `binomial` on the mixed vectors. Both walk the dimension in panels of J blocks, rows in order, so a row that comes
//! twice counts twice and J changes speed, never bits.

use crate::lanes::{Block, LANES, Lanes};
use crate::side::Side;

/// `out = Σ weight_i·row_i`, i ascending from 0.
#[inline(always)]
pub(crate) fn mix<S: Lanes, const J: usize>(
    s: S,
    side: &Side,
    ids: &[u32],
    weights: &[f32],
    out: &mut [f32],
) {
    let (blocks, _) = out.as_chunks_mut::<LANES>();
    let mut at = 0;
    while at + J <= blocks.len() {
        let panel = (&mut blocks[at..at + J]).try_into().expect("J blocks were taken");
        mix_panel::<S, J>(s, side, ids, weights, at, panel);
        at += J;
    }
    while at < blocks.len() {
        let panel = (&mut blocks[at..=at]).try_into().expect("a block was taken");
        mix_panel::<S, 1>(s, side, ids, weights, at, panel);
        at += 1;
    }
}

#[inline(always)]
fn mix_panel<S: Lanes, const J: usize>(
    s: S,
    side: &Side,
    ids: &[u32],
    weights: &[f32],
    at: usize,
    out: &mut [Block; J],
) {
    let mut sums = [s.splat(0.0); J];
    for (&id, &weight) in ids.iter().zip(weights) {
        let (row, weight) = (side.part::<J>(id, at), s.splat(weight));
        for j in 0..J {
            sums[j] = s.fma(weight, s.load(&row[j]), sums[j]);
        }
    }
    for j in 0..J {
        s.store(sums[j], &mut out[j]);
    }
}

/// `row_i += weight_i·(after − before)`, i ascending.
#[inline(always)]
pub(crate) fn spread<S: Lanes, const J: usize>(
    s: S,
    side: &mut Side,
    ids: &[u32],
    weights: &[f32],
    (before, after): (&[f32], &[f32]),
) {
    let (before, _) = before.as_chunks::<LANES>();
    let (after, _) = after.as_chunks::<LANES>();
    let mut at = 0;
    while at + J <= before.len() {
        let panels = [before, after].map(|it| it[at..at + J].try_into().expect("J blocks"));
        spread_panel::<S, J>(s, side, ids, weights, at, panels);
        at += J;
    }
    while at < before.len() {
        let panels = [before, after].map(|it| it[at..=at].try_into().expect("a block"));
        spread_panel::<S, 1>(s, side, ids, weights, at, panels);
        at += 1;
    }
}

#[inline(always)]
fn spread_panel<S: Lanes, const J: usize>(
    s: S,
    side: &mut Side,
    ids: &[u32],
    weights: &[f32],
    at: usize,
    [before, after]: [&[Block; J]; 2],
) {
    let mut step = [s.splat(0.0); J];
    for j in 0..J {
        step[j] = s.sub(s.load(&after[j]), s.load(&before[j]));
    }
    for (&id, &weight) in ids.iter().zip(weights) {
        let (row, weight) = (side.part_mut::<J>(id, at), s.splat(weight));
        for j in 0..J {
            s.store(s.fma(weight, step[j], s.load(&row[j])), &mut row[j]);
        }
    }
}
