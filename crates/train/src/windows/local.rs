//! The rows that a piece of text needs, copied to one place.
//!
//! A piece is first taken apart into what is to be trained, which says all rows that it needs: each gets a
//! *slot*. Then they are copied from the shared matrix, stripe by stripe, trained where they stay in
//! the nearest caches, and given back.
//!
//! Several readers may have changed one row. Where each took few steps from the same values, the sum of
//! what they changed is what one reader would have done after the other; where they took so many that
//! each alone came near to where the row is drawn, the sum would overshoot n times. A step of rate η on a
//! logistic loss closes a share η·κ of the distance, so after u of them e^(−c) is left of it, c = η·κ·u, and
//! of n readers together e^(−nc). A sum is therefore multiplied by
//!
//! ```text
//! f(n, c) = (1 − e^(−nc)) / (n·(1 − e^(−c)))      1 for small c, the mean for large ones
//! ```

use wordmill_kernels::Side;

use super::rows::{Rows, STRIPES};
use crate::stripes::Aligned;

/// κ: the curvature of a logistic loss is at most ¼, times the square of a vector's length.
const CURVATURE: f64 = 0.25;

/// Copies of some rows.
pub(crate) struct Local {
    stride: usize,
    /// Row → its slot; stale unless that slot holds the row.
    slots: Vec<u32>,
    /// Slot → row.
    ids: Vec<u32>,
    /// Slot → steps that are taken on it, by weight.
    heat: Vec<f32>,
    /// Slots by stripe, and where those of each stripe begin.
    by_stripe: Vec<u32>,
    starts: Vec<u32>,
    rows: Aligned,
    /// The rows as they were copied, where they are kept.
    before: Aligned,
}

impl Local {
    /// For a matrix of so many rows.
    pub fn new(rows: u32, stride: usize) -> Self {
        Self {
            stride,
            slots: vec![0; rows as usize],
            ids: Vec::new(),
            heat: Vec::new(),
            by_stripe: Vec::new(),
            starts: vec![0; STRIPES as usize + 1],
            rows: Aligned::new(0, 0.0),
            before: Aligned::new(0, 0.0),
        }
    }

    /// Bytes for a matrix of so many rows if a piece needs `most` of them.
    pub fn bytes(rows: u32, stride: usize, most: u64) -> u64 {
        let most = most.min(u64::from(rows));
        4 * u64::from(rows) + most * (12 + 2 * 4 * stride as u64)
    }

    /// Forgets all rows.
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

    /// A row that has a slot is to take more steps.
    #[inline]
    pub fn warm(&mut self, slot: usize, weight: f32) {
        self.heat[slot] += weight;
    }

    /// The row of a slot.
    #[cfg(test)]
    pub fn id(&self, slot: u32) -> u32 {
        self.ids[slot as usize]
    }

    fn find(&self, id: u32) -> Option<usize> {
        let slot = self.slots[id as usize] as usize;
        (self.ids.get(slot) == Some(&id)).then_some(slot)
    }

    fn row(&self, slot: usize) -> &[f32] {
        &self.rows.get()[slot * self.stride..][..self.stride]
    }

    fn of_stripe(&self, stripe: u32) -> &[u32] {
        let [start, end] = [stripe, stripe + 1].map(|it| self.starts[it as usize] as usize);
        &self.by_stripe[start..end]
    }

    /// Copies the rows.
    pub fn gather(&mut self, from: &Rows) {
        self.sort();
        self.rows.cut(self.ids.len() * self.stride);
        let rows = self.rows.get_mut();
        for stripe in 0..STRIPES {
            let [start, end] = [stripe, stripe + 1].map(|it| self.starts[it as usize] as usize);
            let shared = from.read(stripe);
            for &slot in &self.by_stripe[start..end] {
                let at = (self.ids[slot as usize] / STRIPES) as usize * self.stride;
                rows[slot as usize * self.stride..][..self.stride]
                    .copy_from_slice(&shared.vectors()[at..at + self.stride]);
            }
        }
    }

    /// Keeps the rows as they are now.
    pub fn remember(&mut self) {
        self.before.cut(self.ids.len() * self.stride);
        self.before.get_mut().copy_from_slice(self.rows.get());
    }

    fn sort(&mut self) {
        self.starts.fill(0);
        self.ids.iter().for_each(|id| self.starts[(id % STRIPES) as usize + 1] += 1);
        (0..STRIPES as usize).for_each(|it| self.starts[it + 1] += self.starts[it]);
        self.by_stripe.resize(self.ids.len(), 0);
        let mut next = [0; STRIPES as usize];
        next.copy_from_slice(&self.starts[..STRIPES as usize]);
        for (slot, id) in (0..).zip(&self.ids) {
            let next = &mut next[(id % STRIPES) as usize];
            self.by_stripe[*next as usize] = slot;
            *next += 1;
        }
    }

    /// The copies, to be trained.
    pub fn side(&mut self) -> Side<'_> {
        Side { vectors: self.rows.get_mut(), stride: self.stride }
    }

    /// Adds what has changed since [`Self::remember`] while `threads` threads do so, beginning at some stripe.
    pub fn give_back(&self, to: &Rows, rate: f32, threads: usize, first: u32) {
        for stripe in (0..STRIPES).map(|it| (it + first) % STRIPES) {
            let mut shared = to.write(stripe);
            for &slot in self.of_stripe(stripe) {
                let slot = slot as usize;
                let share = share(threads, rate, self.heat[slot]);
                let at = (self.ids[slot] / STRIPES) as usize * self.stride;
                let before = &self.before.get()[slot * self.stride..][..self.stride];
                let to = &mut shared.vectors_mut()[at..at + self.stride];
                for ((to, now), before) in to.iter_mut().zip(self.row(slot)).zip(before) {
                    *to += share * (now - before);
                }
            }
        }
    }
}

/// Puts what several readers have changed into one stripe, in their order.
pub(crate) fn merge(stripe: u32, to: &Rows, rate: f32, locals: &[&Local]) {
    let mut shared = to.write(stripe);
    let mut others = Vec::new();
    for (reader, local) in locals.iter().enumerate() {
        for &slot in local.of_stripe(stripe) {
            let (slot, id) = (slot as usize, local.ids[slot as usize]);
            if locals[..reader].iter().any(|earlier| earlier.find(id).is_some()) {
                continue;
            }
            others.clear();
            for later in &locals[reader + 1..] {
                others.extend(later.find(id).map(|slot| (later.row(slot), later.heat[slot])));
            }
            let at = (id / STRIPES) as usize * local.stride;
            let to = &mut shared.vectors_mut()[at..at + local.stride];
            if others.is_empty() {
                to.copy_from_slice(local.row(slot));
                continue;
            }
            let heat: f32 = local.heat[slot] + others.iter().map(|(_, heat)| heat).sum::<f32>();
            let readers = others.len() + 1;
            let share = share(readers, rate, heat / readers as f32);
            for i in 0..to.len() {
                let before = to[i];
                let mut sum = local.row(slot)[i] - before;
                others.iter().for_each(|(row, _)| sum += row[i] - before);
                to[i] = before + share * sum;
            }
        }
    }
}

/// f(n, c) of a row on which each of n readers takes steps of weight `heat`.
fn share(readers: usize, rate: f32, heat: f32) -> f32 {
    if readers < 2 {
        return 1.0;
    }
    let (readers, c) = (readers as f64, CURVATURE * f64::from(rate) * f64::from(heat));
    let left = |times: f64| -(-c * times).exp_m1();
    if c < 1e-6 { 1.0 } else { (left(readers) / (readers * left(1.0))) as f32 }
}

#[cfg(test)]
mod tests {
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
        let mut locals = [(); 2].map(|()| Local::new(130, 16));
        for (reader, local) in locals.iter_mut().enumerate() {
            for id in [65, 1, 129, reader as u32 + 2] {
                local.slot(id, 0.0);
            }
            local.gather(&rows);
            local.side().vectors.fill(1.0 + reader as f32);
        }
        let [one, two] = &locals;
        (0..STRIPES).for_each(|stripe| merge(stripe, &rows, 0.1, &[one, two]));
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
