//! The header of a NumPy array (numpy.lib.format): a dictionary as Python writes it.
//!
//! ```text
//! 0    6  "\x93NUMPY"
//! 6    2  version: 1 0, 2 0 or 3 0
//! 8    2  length of the dictionary, u16; 4 bytes, u32, from version 2 on
//! …    …  {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }, spaces, a line feed
//! ```

use super::source::Source;
use crate::error::FormatError;

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy itself reads no more than 10,000 unless the file is declared as trusted.
const HEADER_BYTES_MAX: u64 = 10_000;

/// The element type of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    F32,
    F64,
}

impl Element {
    pub fn bytes(self) -> u64 {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// The values of the dictionary, as text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entries<'a> {
    descr: Option<&'a str>,
    fortran_order: Option<&'a str>,
    shape: Option<&'a str>,
}

/// Reads the header; returns rows, numbers per row, and their type.
pub(super) fn header(source: &mut Source) -> Result<(Option<u64>, u64, Element), FormatError> {
    let mut bytes = Vec::new();
    source.exactly(8, &mut bytes)?;
    let version = [bytes[6], bytes[7]];
    let length_bytes = match version {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        [major, minor] => {
            let what = format!("version {major}.{minor} of the format; 1.0, 2.0 and 3.0 are known");
            return Err(source.error(6, what));
        }
    };
    source.exactly(length_bytes, &mut bytes)?;
    let length = bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    if length > HEADER_BYTES_MAX {
        let what = format!("a header of {length} bytes, at most {HEADER_BYTES_MAX} are expected");
        return Err(source.error(8, what));
    }
    source.exactly(length as usize, &mut bytes)?;
    let text = std::str::from_utf8(&bytes).ok();
    let entries = text.and_then(entries).ok_or_else(|| {
        source.error(10, "its header is not a dictionary of descr, fortran_order and shape".into())
    })?;
    let element = match entries.descr {
        Some("<f2") => Element::F16,
        Some("<f4") => Element::F32,
        Some("<f8") => Element::F64,
        other => {
            let found = other.unwrap_or("nothing");
            let what = format!(
                "elements of type {found}, <f2, <f4 and <f8 can be read; save array.astype('<f4')"
            );
            return Err(source.error(10, what));
        }
    };
    if entries.fortran_order != Some("False") {
        let what = "it is stored by columns, not by rows; save numpy.ascontiguousarray(array)";
        return Err(source.error(10, what.into()));
    }
    match entries.shape.and_then(sides).as_deref() {
        Some(&[rows, dim]) => Ok((Some(rows), dim, element)),
        _ => Err(source.error(10, "it does not have two dimensions, with one row per word".into())),
    }
}

/// `{'key': value, …}` with the three keys, each once, in any order.
fn entries(text: &str) -> Option<Entries<'_>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut entries = Entries::default();
    while !rest.is_empty() {
        let (key, after) = quoted(rest)?;
        let after = after.trim_start().strip_prefix(':')?.trim_start();
        let (value, after) = match after.chars().next()? {
            '\'' | '"' => quoted(after)?,
            '(' => after.strip_prefix('(')?.split_once(')')?,
            _ => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        let place = match key {
            "descr" => &mut entries.descr,
            "fortran_order" => &mut entries.fortran_order,
            "shape" => &mut entries.shape,
            _ => return None,
        };
        if place.replace(value.trim()).is_some() {
            return None;
        }
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    Some(entries)
}

/// A text in quotes, and the rest. None of the three keys and types has a quote in it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// `3, 2` and `3, 2,`.
fn sides(text: &str) -> Option<Vec<u64>> {
    let text = text.trim();
    let text = text.strip_suffix(',').unwrap_or(text);
    text.split(',').map(|side| side.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<[&str; 3]>) {
        let found = entries(text).map(|entries| {
            [entries.descr, entries.fortran_order, entries.shape].map(Option::unwrap_or_default)
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn dictionaries_are_read_in_any_order() {
        let usual = Some(["<f4", "False", "3, 2"]);
        check("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }  \n", usual);
        check("{\"shape\":(3, 2),'fortran_order':False,'descr':'<f4'}", usual);
        check("{'descr': '<f4', 'descr': '<f4'}", None);
        check("{'descr': [('a', '<f4')], 'shape': (1,)}", None);
        check("{'descr' '<f4'}", None);
        check("{'shape': (3, 2}", None);
        check("{", None);
        check("{}", Some(["", "", ""]));
        check("'descr': '<f4'", None);
        assert_eq!(sides("3, 2"), Some(vec![3, 2]));
        assert_eq!(sides("3,"), Some(vec![3]));
        assert_eq!(sides(""), None);
        assert_eq!(sides("18446744073709551616, 1"), None);
    }
}
