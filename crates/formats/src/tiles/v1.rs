//! Frames of version 1: cells in the order in which they are read.
//!
//! ```text
//! 0        1  flags: 1 rows are u32 (else u16), 2 columns are u32, 4 payloads are u64 (else u32)
//! 1      n ×  local row
//! …      n ×  local column
//! …      n ×  payload, low half; then n × the high half if flag 4 is set
//! ```

use crate::cells::TileCell;

const WIDE_ROWS: u8 = 1;
const WIDE_COLUMNS: u8 = 2;
const WIDE_PAYLOADS: u8 = 4;

/// Appends the cells of a frame; `None` if it does not have `items` cells.
pub(super) fn decode(bytes: &[u8], items: usize, out: &mut Vec<TileCell>) -> Option<()> {
    let (&flags, rest) = bytes.split_first()?;
    let id_bytes = |bit| if flags & bit != 0 { 4 } else { 2 };
    let (rows, rest) = rest.split_at_checked(items * id_bytes(WIDE_ROWS))?;
    let (columns, rest) = rest.split_at_checked(items * id_bytes(WIDE_COLUMNS))?;
    let (low, high) = rest.split_at_checked(items * 4)?;
    let wide_payloads = flags & WIDE_PAYLOADS != 0;
    if flags > 7 || high.len() != if wide_payloads { items * 4 } else { 0 } {
        return None;
    }
    let id = |bytes: &[u8], wide: bool, at: usize| match wide {
        true => u32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().expect("four bytes")),
        false => u32::from(u16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]])),
    };
    out.reserve(items);
    for at in 0..items {
        let row = id(rows, flags & WIDE_ROWS != 0, at);
        let column = id(columns, flags & WIDE_COLUMNS != 0, at);
        let high = if wide_payloads { id(high, true, at) } else { 0 };
        let payload = u64::from(high) << 32 | u64::from(id(low, true, at));
        out.push(TileCell { row, column, payload });
    }
    Some(())
}
