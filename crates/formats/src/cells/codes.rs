//! Codes of payloads: sixteen bits for the weights that most cells have.
//!
//! Most cells are the sum of few pairs. With a small unit a weight is its own code; with a large one
//! (1/360360 for a harmonic window of 15) the sums of up to four pairs are numbered instead. A
//! payload without a code is stored in full.
//!
//! Computing a table takes over a millisecond, so the process shares those in use.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Represents "not among the codes".
pub(super) const ESCAPE: u16 = u16::MAX;
/// Up to this unit a weight is its own code: the code then reaches to 26 words.
const PLAIN_UNIT: u64 = 2520;
/// Numbered weights. Sums of up to four pairs in a window of 15 are 2,400 different weights.
const TABLE_MAX: usize = 4096;
/// Distances whose weights are summed if the unit does not determine the window.
const DISTANCES_MAX: u64 = 50;

/// Which payloads have codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CellCodes {
    /// None: payloads are not weights.
    #[default]
    None,
    /// Payloads below 65,535 are their own codes.
    Plain,
    /// Payloads numbered by a list.
    Table(Arc<CodeTable>),
}

/// A list of payloads with a hash table of their numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeTable {
    values: Vec<u64>,
    /// Number + 1, or 0; found by hash, linear probing.
    slots: Vec<u16>,
}

impl CellCodes {
    /// The codes of weights in units of 1 / `unit`, where pairs were counted in this many samples of the text:
    /// a neighbour at distance 1 adds `unit / samples`.
    pub fn of_unit(unit: u64, samples: u64) -> Self {
        match unit {
            0..=PLAIN_UNIT => Self::Plain,
            _ => Self::Table(shared_table(unit / samples.clamp(1, unit))),
        }
    }

    /// Appends the codes of payloads, and in full those without a code.
    pub(super) fn put(
        &self,
        payloads: &[u64],
        (low, high): (&mut Vec<u8>, &mut Vec<u8>),
        wide: (&mut Vec<u8>, &mut Vec<u8>),
    ) {
        let mut escaped = Vec::new();
        low.reserve(payloads.len());
        high.reserve(payloads.len());
        let mut put = |code: Option<u16>, payload: u64| {
            let code = code.unwrap_or_else(|| {
                escaped.push(payload);
                ESCAPE
            });
            low.push(code as u8);
            high.push((code >> 8) as u8);
        };
        match self {
            Self::None => escaped.extend_from_slice(payloads),
            Self::Plain => payloads.iter().for_each(|&payload| {
                let code = (payload < u64::from(ESCAPE)).then_some(payload as u16);
                put(code, payload);
            }),
            Self::Table(table) => {
                payloads.iter().for_each(|&payload| put(table.find(payload), payload));
            }
        }
        escaped
            .iter()
            .for_each(|payload| wide.0.extend_from_slice(&(*payload as u32).to_le_bytes()));
        if escaped.iter().any(|payload| payload >> 32 > 0) {
            let half = |payload: &u64| ((payload >> 32) as u32).to_le_bytes();
            escaped.iter().for_each(|payload| wide.1.extend_from_slice(&half(payload)));
        }
    }

    /// Decodes `items` payloads; `None` if the planes are inconsistent.
    pub(super) fn take(
        &self,
        items: usize,
        (low, high): (&[u8], &[u8]),
        wide: (&[u8], &[u8]),
        payloads: &mut Vec<u64>,
    ) -> Option<()> {
        let expected = if *self == Self::None { 0 } else { items };
        let halves = wide.1.is_empty() || wide.1.len() == wide.0.len();
        if low.len() != expected
            || high.len() != expected
            || !halves
            || !wide.0.len().is_multiple_of(4)
        {
            return None;
        }
        let half = |bytes: &[u8]| u64::from(u32::from_le_bytes(bytes.try_into().expect("four")));
        let mut highs = wide.1.chunks_exact(4);
        let mut wides =
            wide.0.chunks_exact(4).map(|low| half(low) | highs.next().map_or(0, half) << 32);
        payloads.reserve(items);
        let codes = low.iter().zip(high).map(|(&low, &high)| u16::from_le_bytes([low, high]));
        match self {
            Self::None => payloads.extend(wides.by_ref().take(items)),
            Self::Plain => {
                for code in codes {
                    payloads.push(if code == ESCAPE { wides.next()? } else { u64::from(code) });
                }
            }
            Self::Table(table) => {
                for code in codes {
                    payloads.push(match code {
                        ESCAPE => wides.next()?,
                        code => *table.values.get(usize::from(code))?,
                    });
                }
            }
        }
        (payloads.len() == items && wides.next().is_none()).then_some(())
    }
}

/// The table for pairs of this weight: one in use, or a new one.
fn shared_table(single: u64) -> Arc<CodeTable> {
    static IN_USE: Mutex<Vec<(u64, Weak<CodeTable>)>> = Mutex::new(Vec::new());
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    in_use.retain(|(_, table)| table.strong_count() > 0);
    let known = in_use.iter().find(|(key, _)| *key == single);
    known.and_then(|(_, table)| table.upgrade()).unwrap_or_else(|| {
        let table = Arc::new(CodeTable::new(sums(single)));
        in_use.push((single, Arc::downgrade(&table)));
        table
    })
}

impl CodeTable {
    fn new(values: Vec<u64>) -> Self {
        assert!(values.len() < usize::from(ESCAPE));
        let mut table =
            Self { slots: vec![0; (4 * values.len()).next_power_of_two()], values: Vec::new() };
        for (number, &value) in values.iter().enumerate() {
            let slot = table.slot(value);
            table.slots[slot] = number as u16 + 1;
            table.values.push(value);
        }
        table
    }

    /// The slot of a value, or the free one where it would be.
    #[inline]
    fn slot(&self, value: u64) -> usize {
        let mask = self.slots.len() - 1;
        let hash = value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let mut slot = hash as usize & mask;
        while self.slots[slot] > 0 && self.values[usize::from(self.slots[slot]) - 1] != value {
            slot = (slot + 1) & mask;
        }
        slot
    }

    #[inline]
    fn find(&self, value: u64) -> Option<u16> {
        self.slots[self.slot(value)].checked_sub(1)
    }
}

/// Sums of one weight, of two, of three … until there are enough of them.
fn sums(unit: u64) -> Vec<u64> {
    let distances =
        (1..=DISTANCES_MAX).take_while(|distance| unit.is_multiple_of(*distance)).count() as u64;
    // Beyond a window of 20 the unit no longer determines it.
    let distances = if distances >= 20 { DISTANCES_MAX } else { distances };
    let single: Vec<u64> =
        (1..=distances).map(|distance| unit.saturating_add(distance / 2) / distance).collect();
    let mut all = single.clone();
    let mut known: std::collections::HashSet<u64> = all.iter().copied().collect();
    let mut last = single.clone();
    while all.len() < TABLE_MAX {
        let mut longer = Vec::new();
        for sum in
            last.iter().flat_map(|sum| single.iter().map(move |one| sum.saturating_add(*one)))
        {
            if all.len() + longer.len() < TABLE_MAX && known.insert(sum) {
                longer.push(sum);
            }
        }
        all.extend_from_slice(&longer);
        last = longer;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_sums_have_numbers() {
        let CellCodes::Table(table) = CellCodes::of_unit(360_360, 1) else {
            panic!("a large unit has a table");
        };
        for value in [360_360, 24_024, 720_720, 360_360 + 180_180 + 24_024] {
            let code = table.find(value).unwrap();
            assert_eq!(table.values[usize::from(code)], value);
        }
        assert_eq!(table.find(7), None);
        assert_eq!(table.values.len(), TABLE_MAX);
        assert_eq!(CellCodes::of_unit(60, 1), CellCodes::Plain);
    }

    #[test]
    fn every_stripe_of_a_run_built_its_own_table() {
        let table = |unit, samples| match CellCodes::of_unit(unit, samples) {
            CellCodes::Table(table) => table,
            other => panic!("{unit} has {other:?}"),
        };
        let [first, second, other] = [table(360_360, 1), table(360_360, 1), table(10_080, 1)];
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[test]
    fn pairs_of_a_subsampled_text_had_no_codes() {
        // A harmonic window of 10 in four samples: a pair at distance d adds 2520 / d of 10,080 units.
        let CellCodes::Table(table) = CellCodes::of_unit(4 * 2520, 4) else {
            panic!("a large unit has a table");
        };
        for distance in 1..=10 {
            assert!(table.find(2520 / distance).is_some(), "distance {distance}");
            assert!(table.find(2520 + 2520 / distance).is_some(), "distance 1 and {distance}");
        }
    }
}
