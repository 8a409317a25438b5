//! The innermost loop of counting: the words around many places of one word, added up.
//!
//! The places of a word are scattered all over memory. Windows are first copied, some dozens at a
//! time, and then added: the copies do not depend on one another, so the processor fetches many of
//! them at once. Adding straight from the places waited for each fetch and took three times as
//! long.

use super::weighting::Sides;
use crate::runs::sums::{END, RowSums};

/// Windows copied at a time.
const COPIED: usize = 32;

/// Adds the words around each position, up to the ends of the line. `weights` are by distance;
/// there must be at least as many places on both sides of every position.
pub(crate) fn add_windows(
    places: &[u32],
    positions: &[u32],
    sides: Sides,
    weights: &[u64],
    sums: &mut RowSums,
) {
    // Copies of a size known to the compiler are a few instructions each.
    match weights.len() {
        1..=3 => add::<8>(places, positions, sides, weights, sums),
        4..=7 => add::<16>(places, positions, sides, weights, sums),
        8..=15 => add::<32>(places, positions, sides, weights, sums),
        16..=31 => add::<64>(places, positions, sides, weights, sums),
        _ => add::<512>(places, positions, sides, weights, sums),
    }
}

/// Places that [`add_windows`] may read beyond the last one of a window of `reach` words.
pub(crate) fn margin(reach: usize) -> usize {
    if reach < 32 { 64 } else { 512 }
}

/// With windows of up to `N` places.
fn add<const N: usize>(
    places: &[u32],
    positions: &[u32],
    sides: Sides,
    weights: &[u64],
    sums: &mut RowSums,
) {
    let reach = weights.len();
    let mut windows = [[END; N]; COPIED];
    for positions in positions.chunks(COPIED) {
        for (window, &position) in windows.iter_mut().zip(positions) {
            let first = position as usize - reach;
            *window = places[first..first + N].try_into().expect("N places");
        }
        for window in &windows[..positions.len()] {
            sums.add_line(window[..reach].iter().rev(), weights);
            if sides == Sides::Both {
                sums.add_line(window[reach + 1..2 * reach + 1].iter(), weights);
            }
        }
    }
}
