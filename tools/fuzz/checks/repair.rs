//! Checksums, offsets and lengths put right, so that broken bytes get past them.
//!
//! The layouts are those of `frame.rs`, `packing.rs`, `tensor.rs` and `shards.rs` of the formats.
//! Repairing never fails for good: bytes that are too far from a file are left to the reader.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use wordmill_formats::{Kind, MemoryStorage, Storage, TokenIndex, TokenIndexRow, xxh3};

const HEADER_BYTES: usize = 24;
const TRAILER_BYTES: usize = 32;
const ENTRY_BYTES: usize = 40;
/// What a frame of planes may say that it unpacks to; more would only slow the search down.
const RAW_BYTES_MAX: u64 = 1 << 20;
/// A tensor file is not stretched beyond this.
const DATA_BYTES_MAX: u64 = 1 << 16;

/// A framed file of this kind: header, index and trailer as the frames would have them.
pub fn framed(bytes: &[u8], kind: Kind) -> Option<Vec<u8>> {
    if bytes.len() < HEADER_BYTES + TRAILER_BYTES + 12 {
        return None;
    }
    let mut out = bytes.to_vec();
    out[..8].copy_from_slice(b"wmframe\n");
    out[8..12].copy_from_slice(&kind.name);
    let sum = xxh3(&out[..16]);
    put_u64(&mut out, 16, sum);
    let end = out.len() - TRAILER_BYTES;
    let said = u64_at(&out, end) as usize;
    let start = said.clamp(HEADER_BYTES, end - 12);
    let settings = u32_at(&out, start) as usize;
    let settings = settings.min(end - start - 12);
    put_u32(&mut out, start, settings as u32);
    let count_at = start + 4 + settings;
    let entries = (end - count_at - 8) / ENTRY_BYTES;
    // What is left over behind the last entry goes.
    out.truncate(count_at + 8 + entries * ENTRY_BYTES);
    let end = out.len();
    put_u64(&mut out, count_at, entries as u64);
    let mut next = HEADER_BYTES;
    for entry in 0..entries {
        let at = count_at + 8 + entry * ENTRY_BYTES;
        let left = start - next;
        let said = u32_at(&out, at + 8) as usize;
        let stored = if entry + 1 == entries { left } else { said.min(left) };
        repair_entry(&mut out, at, next..next + stored);
        next += stored;
    }
    let sum = xxh3(&out[start..end]);
    out.extend_from_slice(&(start as u64).to_le_bytes());
    out.extend_from_slice(&((end - start) as u64).to_le_bytes());
    out.extend_from_slice(&sum.to_le_bytes());
    out.extend_from_slice(b"wmfinis\n");
    // Without an entry there must not be a frame either.
    (next == start).then_some(out)
}

/// The row of the index for the frame that stands at `stored`.
fn repair_entry(out: &mut [u8], at: usize, stored: std::ops::Range<usize>) {
    put_u64(out, at, stored.start as u64);
    put_u32(out, at + 8, stored.len() as u32);
    let codec = u32_at(out, at + 20) % 3;
    put_u32(out, at + 20, codec);
    match codec {
        0 => put_u32(out, at + 12, stored.len() as u32),
        2 => {
            let raw = repair_planes(&mut out[stored.clone()]);
            put_u32(out, at + 12, raw.min(RAW_BYTES_MAX) as u32);
        }
        _ => {}
    }
    let sum = xxh3(&out[stored]);
    put_u64(out, at + 32, sum);
}

/// The table before the planes; gives their raw length together.
fn repair_planes(frame: &mut [u8]) -> u64 {
    let Some(&planes) = frame.first() else {
        return 0;
    };
    let planes = usize::from(planes).min((frame.len() - 1) / 8);
    frame[0] = planes as u8;
    let mut left = frame.len() - 1 - 8 * planes;
    let mut raw_bytes = 0;
    for plane in 0..planes {
        let at = 1 + 8 * plane;
        let (raw, said) = (u32_at(frame, at), u32_at(frame, at + 4));
        let stored = if plane + 1 == planes { left } else { left.min(said as usize) } as u32;
        // A plane that is not packed stays that.
        let raw = if raw == said { stored } else { raw };
        put_u32(frame, at, raw);
        put_u32(frame, at + 4, stored);
        raw_bytes += u64::from(raw);
        left -= stored as usize;
    }
    raw_bytes
}

/// A tensor file as long as its header says, with the checksums of what is there.
pub fn tensors(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?.min(rest.len());
    let (header, data) = rest.split_at(length);
    let mut header: Value = serde_json::from_slice(header).ok()?;
    let tensors = header.as_object_mut()?;
    let spans: Vec<(String, [u64; 2])> = tensors.iter().filter_map(span).collect();
    let bytes = spans.iter().map(|(_, [_, end])| *end).max().unwrap_or(0);
    if bytes > DATA_BYTES_MAX {
        return None;
    }
    let mut data = data.to_vec();
    data.resize(bytes as usize, 0);
    if let Some(Value::Object(metadata)) = tensors.get_mut("__metadata__") {
        for (name, [begin, end]) in spans {
            let key = format!("xxh3.{name}");
            if let Some(bytes) = data.get(begin as usize..end as usize)
                && metadata.contains_key(&key)
            {
                metadata.insert(key, format!("{:016x}", xxh3(bytes)).into());
            }
        }
    }
    let mut text = header.to_string().into_bytes();
    // The data begin at a multiple of 8, or no view of them would be aligned.
    text.resize((8 + text.len()).next_multiple_of(64) - 8, b' ');
    Some([&(text.len() as u64).to_le_bytes()[..], &text, &data].concat())
}

fn span((name, tensor): (&String, &Value)) -> Option<(String, [u64; 2])> {
    let offsets = tensor.get("data_offsets")?.as_array()?;
    let [begin, end] = offsets.as_slice() else {
        return None;
    };
    Some((name.clone(), [begin.as_u64()?, end.as_u64()?]))
}

/// An index of token shards with the checksum of its rows.
pub fn token_index(bytes: &[u8]) -> Option<Vec<u8>> {
    let json: Value = serde_json::from_slice(bytes).ok()?;
    let shards: Vec<TokenIndexRow> = serde_json::from_value(json.get("shards")?.clone()).ok()?;
    let memory = MemoryStorage::default();
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    TokenIndex { shards }.write(&storage, Path::new("index.json")).ok()?;
    memory.snapshot().into_values().next()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn put_u32(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

fn put_u64(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}
