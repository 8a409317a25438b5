//! Converts weights of other programs to whole numbers of a unit.
//!
//! A program that weighs pairs by 1/d has sums of such fractions, which are whole multiples of 1 / lcm(1..=W)
//! for its window W. The *search* finds the least W for which all weights are whole, as far as floats can
//! show; if there is none, weights are rounded to multiples of the finest unit.

use crate::count::weighting::{Dropped, Sides, Weighting, WindowConfig};

/// How far a weight may be from a whole number, as a share of it, and still count as whole.
pub const WHOLE: f64 = 1e-6;
/// Beyond this window lcm(1..=W) leaves no room for sums.
const LARGEST_WINDOW: u8 = 20;

/// A unit: weights are whole multiples of 1 / `unit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit {
    /// How many units a weight of 1 has.
    pub unit: u64,
    /// The largest rounding error, as a share of the weight.
    pub largest_error: f64,
    /// Weights that are off by more than [`WHOLE`].
    pub rounded: u64,
}

/// The search for the least unit in which all observed weights are whole.
#[derive(Clone, Debug)]
pub struct UnitSearch {
    units: Vec<Unit>,
    /// The first unit that is still possible.
    least: usize,
}

impl Default for UnitSearch {
    fn default() -> Self {
        let of = |window: u8| {
            let (weighting, sides) = (Weighting::Harmonic, Sides::Left);
            let window = WindowConfig { window, weighting, sides, dropped: Dropped::Close };
            Unit { unit: window.unit(), largest_error: 0.0, rounded: 0 }
        };
        let mut units: Vec<Unit> = (1..=LARGEST_WINDOW).map(of).collect();
        units.dedup_by_key(|unit| unit.unit);
        Self { units, least: 0 }
    }
}

impl UnitSearch {
    /// Observes a weight above 0.
    #[inline]
    pub fn see(&mut self, weight: f64) {
        // Each unit is a multiple of the one before, so later ones are never worse.
        for unit in &mut self.units[self.least..] {
            let scaled = weight * unit.unit as f64;
            let whole = (scaled + 0.5) as u64 as f64;
            // As a share of the weight; 1 if it rounds to zero.
            let error = (whole - scaled).abs() / scaled;
            unit.largest_error = unit.largest_error.max(error);
            unit.rounded += u64::from(error > WHOLE);
        }
        while self.least + 1 < self.units.len() && self.units[self.least].rounded > 0 {
            self.least += 1;
        }
    }

    /// The least unit, or the finest one if not all weights are whole in any.
    pub fn found(&self) -> Unit {
        self.units[self.least]
    }
}

impl Unit {
    /// A weight in units; `None` if it rounds to 0 or does not fit into 64 bits.
    #[inline]
    pub fn weigh(&self, weight: f64) -> Option<u64> {
        let whole = (weight * self.unit as f64).round();
        // 2^64 is exact in f64; NaN is in no range.
        (1.0..18_446_744_073_709_551_616.0).contains(&whole).then_some(whole as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(weights: &[f64], unit: u64, rounded: u64) -> f64 {
        let mut search = UnitSearch::default();
        weights.iter().for_each(|&weight| search.see(weight));
        let found = search.found();
        assert_eq!((found.unit, found.rounded), (unit, rounded));
        let mut largest = 0f64;
        for &weight in weights {
            let back = found.weigh(weight).unwrap_or(0) as f64 / unit as f64;
            largest = largest.max((back / weight - 1.0).abs());
        }
        assert!((largest - found.largest_error).abs() < 1e-12, "{largest} {found:?}");
        found.largest_error
    }

    #[test]
    fn the_least_unit_is_found() {
        let none: &[f64] = &[];
        assert_eq!(check(none, 1, 0), 0.0);
        check(&[3.0, 1e15], 1, 0);
        check(&[3.0, 2.5, 7.0], 2, 0);
        check(&[1.0 / 3.0, 0.5, 123456.0 + 1.0 / 3.0], 6, 0);
        check(&[0.1 + 0.2, 0.25, 1.0 / 3.0], 60, 0);
        let sums: Vec<f64> = (1..=10).map(|d| (1..=d).map(|d| 1.0 / f64::from(d)).sum()).collect();
        check(&sums, 2520, 0);
        check(&[1.0 / (16.0 * 19.0)], 232_792_560, 0);
        // Wrong by half a millionth of itself in this unit.
        assert!(check(&[1.0 / 19.0], 12_252_240, 0) > 1e-7);
        // One weight of a later unit rules out the earlier ones for good.
        check(&[1.0 / 7.0, 0.5, 1.0], 420, 0);
    }

    #[test]
    fn weights_that_are_not_whole_are_rounded_and_counted() {
        assert!(check(&[1e-6, 0.5], 232_792_560, 1) > 1e-4);
        assert_eq!(check(&[1e-10], 232_792_560, 1), 1.0);
    }

    #[test]
    fn weights_that_do_not_fit_are_none() {
        let unit = UnitSearch::default().found();
        assert_eq!(unit.weigh(0.4), None);
        assert_eq!(unit.weigh(0.5), Some(1));
        // Here a half more is a tie, which goes to the even neighbour.
        assert_eq!(unit.weigh(4_503_599_627_370_497.0), Some(4_503_599_627_370_497));
        assert_eq!(unit.weigh(1.8446744073709552e19), None);
        assert_eq!(unit.weigh(1.844674407370955e19), Some(18_446_744_073_709_549_568));
        assert_eq!(unit.weigh(f64::NAN), None);
    }
}
