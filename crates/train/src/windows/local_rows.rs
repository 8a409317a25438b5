//! The rows that a piece of text needs, copied to one place.
//!
//! A piece is first split into minibatches, which determine the rows that it needs: each gets a *slot*.
//! Then the rows are copied from the shared matrix, stripe by stripe, trained while they are in the
//! nearest caches, and returned.
//!
//! Several readers may have changed one row. If each took few steps from the same values, the sum of their
//! changes is what they would have done one after the other. If each took so many that it came near to the
//! optimum of the row, the sum would overshoot n times. A step of rate η on a logistic loss closes a share
//! η·κ of the distance, so after u of them e^(−c) is left of it, c = η·κ·u, and after those of n readers
//! together e^(−nc). A sum is therefore multiplied by
//!
//! ```text
//! f(n, c) = (1 − e^(−nc)) / (n·(1 − e^(−c)))      1 for small c, the mean for large ones
//! ```

use wordmill_kernels::{Change, Kernels, Side, real};

use super::rows::{READERS, Rows, STRIPES};
use crate::stripes::Aligned;

/// κ: the curvature of a logistic loss is at most ¼, times the squared norm of a vector.
const CURVATURE: f64 = 0.25;

/// Copies of some rows.
pub(crate) struct LocalRows {
    stride: usize,
    /// Row → its slot; stale unless that slot has the row.
    slots: Vec<u32>,
    /// Slot → row.
    ids: Vec<u32>,
    /// Slot → total weight of the steps taken on it.
    heat: Vec<f32>,
    /// Slots by stripe, their rows within the stripe, and where those of each stripe begin.
    by_stripe: Vec<u32>,
    places: Vec<u32>,
    starts: Vec<u32>,
    rows: Aligned,
    /// The rows as they were copied, if they are kept.
    before: Aligned,
}

impl LocalRows {
    /// For a matrix of this many rows.
    pub fn new(rows: u32, stride: usize) -> Self {
        Self {
            stride,
            slots: vec![0; rows as usize],
            ids: Vec::new(),
            heat: Vec::new(),
            by_stripe: Vec::new(),
            places: Vec::new(),
            starts: vec![0; STRIPES as usize + 1],
            rows: Aligned::new(0, 0.0),
            before: Aligned::new(0, 0.0),
        }
    }

    /// Bytes for a matrix of this many rows if a piece needs `most` of them.
    pub fn bytes(rows: u32, stride: usize, most: u64) -> u64 {
        let most = most.min(u64::from(rows));
        4 * u64::from(rows) + most * (20 + 2 * 4 * stride as u64)
    }

    /// Removes all rows.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.heat.clear();
    }

    /// The slot of a row, which is to take steps of this weight.
    #[inline]
    pub fn slot(&mut self, id: u32, weight: f32) -> u32 {
        let slot = self.slots[id as usize];
        if self.ids.get(slot as usize) == Some(&id) {
            self.heat[slot as usize] += weight;
            return slot;
        }
        let slot = self.ids.len() as u32;
        self.slots[id as usize] = slot;
        self.ids.push(id);
        self.heat.push(weight);
        slot
    }

    /// Adds to the steps that a slot is to take.
    #[inline]
    pub fn warm(&mut self, slot: usize, weight: f32) {
        self.heat[slot] += weight;
    }

    /// The row of a slot.
    #[cfg(test)]
    pub fn id(&self, slot: u32) -> u32 {
        self.ids[slot as usize]
    }

    fn row(&self, slot: usize) -> &[f32] {
        &self.rows.get()[slot * self.stride..][..self.stride]
    }

    /// Slots of a stripe, and their rows within it.
    fn of_stripe(&self, stripe: u32) -> (&[u32], &[u32]) {
        let [start, end] = [stripe, stripe + 1].map(|it| self.starts[it as usize] as usize);
        (&self.by_stripe[start..end], &self.places[start..end])
    }

    /// Copies the rows.
    pub fn gather(&mut self, kernels: &Kernels, from: &Rows) {
        self.sort();
        self.rows.cut(self.ids.len() * self.stride);
        let mut to = Side { vectors: self.rows.get_mut(), stride: self.stride };
        for stripe in 0..STRIPES {
            let [start, end] = [stripe, stripe + 1].map(|it| self.starts[it as usize] as usize);
            let (slots, places) = (&self.by_stripe[start..end], &self.places[start..end]);
            kernels.copy_rows(from.read(stripe).vectors(), places, &mut to, slots);
        }
    }

    /// Saves the current rows.
    pub fn remember(&mut self) {
        self.before.cut(self.ids.len() * self.stride);
        self.before.get_mut().copy_from_slice(self.rows.get());
    }

    fn sort(&mut self) {
        self.starts.fill(0);
        self.ids.iter().for_each(|id| self.starts[(id % STRIPES) as usize + 1] += 1);
        (0..STRIPES as usize).for_each(|it| self.starts[it + 1] += self.starts[it]);
        self.by_stripe.resize(self.ids.len(), 0);
        self.places.resize(self.ids.len(), 0);
        let mut next = [0; STRIPES as usize];
        next.copy_from_slice(&self.starts[..STRIPES as usize]);
        for (slot, id) in (0..).zip(&self.ids) {
            let next = &mut next[(id % STRIPES) as usize];
            self.by_stripe[*next as usize] = slot;
            self.places[*next as usize] = id / STRIPES;
            *next += 1;
        }
    }

    /// The copies, to be trained.
    pub fn side(&mut self) -> Side<'_> {
        Side { vectors: self.rows.get_mut(), stride: self.stride }
    }

    /// The same, and the row of each slot.
    pub fn side_and_ids(&mut self) -> (Side<'_>, &[u32]) {
        (Side { vectors: self.rows.get_mut(), stride: self.stride }, &self.ids)
    }

    /// Excludes some rows from being returned, as they are unchanged.
    pub fn keep_back(&mut self, stays: impl Fn(u32) -> bool) {
        let (mut kept, mut first) = (0, 0);
        for stripe in 0..STRIPES as usize {
            let end = self.starts[stripe + 1] as usize;
            for at in first..end {
                let slot = self.by_stripe[at];
                if !stays(self.ids[slot as usize]) {
                    (self.by_stripe[kept], self.places[kept]) = (slot, self.places[at]);
                    kept += 1;
                }
            }
            (first, self.starts[stripe + 1]) = (end, kept as u32);
        }
    }

    /// Adds the changes since [`Self::remember`] while `threads` threads do so, beginning at stripe `first`.
    pub fn give_back(&self, kernels: &Kernels, to: &Rows, rate: f32, threads: usize, first: u32) {
        let change = Change { before: self.before.get(), after: self.rows.get() };
        let mut shares = Vec::new();
        for stripe in (0..STRIPES).map(|it| (it + first) % STRIPES) {
            let (slots, places) = self.of_stripe(stripe);
            shares.clear();
            shares.extend(slots.iter().map(|&slot| share(threads, rate, self.heat[slot as usize])));
            let mut shared = to.write(stripe);
            let mut to = Side { vectors: shared.vectors_mut(), stride: self.stride };
            kernels.add_changes(change, slots, &mut to, places, &shares);
        }
    }
}

/// A reader that has a row.
#[derive(Clone, Copy)]
struct RowReader {
    reader: u32,
    /// Its slot of the row.
    slot: u32,
    /// The next reader of the row, as in `heads`.
    next: u32,
}

/// Lists of the stripe that is being merged.
#[derive(Default)]
pub(crate) struct Merging {
    /// Row within the stripe → the first reader that has it as a number in `readers`, from 1; 0 for none, as between
    /// two stripes.
    heads: Vec<u32>,
    readers: Vec<RowReader>,
    /// Rows that only one reader has: slots, and rows within the stripe.
    alone: [Vec<u32>; 2],
}

/// Merges the changes of several readers into one stripe, in the order of readers.
pub(crate) fn merge(
    kernels: &Kernels,
    to: &Rows,
    stripe: u32,
    rate: f32,
    locals: &[&LocalRows],
    lists: &mut Merging,
) {
    let mut shared = to.write(stripe);
    let Merging { heads, readers, alone } = lists;
    if heads.len() < shared.rows() {
        heads.resize(shared.rows(), 0);
    }
    readers.clear();
    // From the last reader to the first, so that each row's list is in their order.
    for (reader, local) in locals.iter().enumerate().rev() {
        let (slots, places) = local.of_stripe(stripe);
        for (&slot, &place) in slots.iter().zip(places) {
            let head = &mut heads[place as usize];
            readers.push(RowReader { reader: reader as u32, slot, next: *head });
            *head = readers.len() as u32;
        }
    }
    let stride = shared.stride();
    let mut to = Side { vectors: shared.vectors_mut(), stride };
    for (reader, local) in locals.iter().enumerate() {
        alone.iter_mut().for_each(Vec::clear);
        let (slots, places) = local.of_stripe(stripe);
        for (&slot, &place) in slots.iter().zip(places) {
            let first = readers[heads[place as usize] as usize - 1];
            if first.next == 0 {
                alone[0].push(slot);
                alone[1].push(place);
            } else if first.reader as usize == reader {
                let to = &mut to.vectors[place as usize * stride..][..stride];
                merge_row(kernels, to, rate, locals, readers, heads[place as usize]);
            }
        }
        kernels.copy_rows(local.rows.get(), &alone[0], &mut to, &alone[1]);
    }
    for local in locals {
        local.of_stripe(stripe).1.iter().for_each(|&place| heads[place as usize] = 0);
    }
}

/// Merges a row that several readers have; their list begins at `at`.
fn merge_row(
    kernels: &Kernels,
    to: &mut [f32],
    rate: f32,
    locals: &[&LocalRows],
    readers: &[RowReader],
    mut at: u32,
) {
    let (mut rows, mut count, mut heat): ([&[f32]; READERS], _, _) = ([&[]; READERS], 0, 0.0);
    while at > 0 {
        let RowReader { reader, slot, next } = readers[at as usize - 1];
        let local = locals[reader as usize];
        rows[count] = local.row(slot as usize);
        heat += local.heat[slot as usize];
        (count, at) = (count + 1, next);
    }
    kernels.merge_row(to, &rows[..count], share(count, rate, heat / count as f32));
}

/// f(n, c) of a row on which each of n readers takes steps of weight `heat`.
fn share(readers: usize, rate: f32, heat: f32) -> f32 {
    if readers < 2 {
        return 1.0;
    }
    let c = CURVATURE * f64::from(rate) * f64::from(heat);
    if c < 1e-6 {
        return 1.0;
    }
    // (1 - qⁿ) / (1 - q) as the sum 1 + q + … + qⁿ⁻¹, which loses no digits.
    let q = real::exp(-c);
    let sum = (1..readers).fold(1.0, |sum, _| 1.0 + q * sum);
    (sum / readers as f64) as f32
}

#[cfg(test)]
mod tests {
    use wordmill_kernels::best;

    use super::*;

    #[test]
    fn few_steps_are_added_and_many_are_averaged() {
        assert_eq!(share(1, 0.1, 1e9), 1.0);
        assert!((share(8, 0.05, 1.0) - 1.0).abs() < 0.05);
        assert!((share(8, 0.05, 1e6) - 0.125).abs() < 1e-3);
        assert_eq!(share(8, 0.05, 0.0), 1.0);
    }

    #[test]
    fn readers_of_one_row_are_merged_in_order_and_others_are_copied() {
        let rows = Rows::new(4, 130);
        let mut locals = [(); 2].map(|()| LocalRows::new(130, 16));
        for (reader, local) in locals.iter_mut().enumerate() {
            for id in [65, 1, 129, reader as u32 + 2] {
                local.slot(id, 0.0);
            }
            local.gather(best(), &rows);
            local.side().vectors.fill(1.0 + reader as f32);
        }
        let [one, two] = &locals;
        let mut lists = Merging::default();
        for stripe in 0..STRIPES {
            merge(best(), &rows, stripe, 0.1, &[one, two], &mut lists);
        }
        let mut found = Vec::new();
        rows.copy(0..130, 1, &mut found);
        let expected = |id: usize| match id {
            1 | 65 | 129 => 3.0,
            2 => 1.0,
            3 => 2.0,
            _ => 0.0,
        };
        assert_eq!(found, (0..130).map(expected).collect::<Vec<f32>>());
    }
}
