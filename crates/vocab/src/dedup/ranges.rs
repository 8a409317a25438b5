//! The number of ranges that the keys of lines are divided into.

use super::repeats::needed_bytes;

/// The largest exponent of the number of ranges: 10⁹ distinct lines in 12 MiB, 10¹¹ in 600 MiB.
pub(super) const MOST_BITS: u32 = 12;
/// From this many lines on every thread has ranges to work on.
const MANY_LINES: u64 = 1 << 16;

/// Memory to compare this many lines in, of `left` free bytes.
pub(super) fn comparing_bytes(lines: u64, threads: u64, left: u64) -> u64 {
    let bits = range_bits(lines, threads, left);
    let each = needed_bytes(distinct_at_most(lines, bits));
    (left / each).clamp(1, threads.min(1 << bits)) * each
}

/// The number of ranges, as a power of 2, such that the distinct lines of one range per thread fit into half of
/// the memory.
pub(super) fn range_bits(lines: u64, threads: u64, left: u64) -> u32 {
    let wanted = if lines < MANY_LINES { 1 } else { 2 * threads };
    let mut bits = wanted.next_power_of_two().ilog2().min(MOST_BITS);
    let fits = |bits: u32| {
        let workers = threads.min(1 << bits);
        workers * needed_bytes(distinct_at_most(lines, bits)) <= left / 2
    };
    while bits < MOST_BITS && !fits(bits) {
        bits += 1;
    }
    bits
}

/// The most distinct lines of a range: this many keys are spread evenly, and 8 standard deviations are not exceeded.
pub(super) fn distinct_at_most(lines: u64, bits: u32) -> u64 {
    let mean = lines >> bits;
    (mean + 8 * mean.isqrt() + 64).min(lines)
}
