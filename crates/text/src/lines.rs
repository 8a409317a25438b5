//! Makes text valid UTF-8 line by line, with a choice of how to treat wrong bytes.
//!
//! A line ends with `\n`; a `\r` before it is white space like any other. Wrong bytes are
//! overwritten in place, so the text keeps its length and its lines.

use std::str;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use memchr::memchr_iter;

use crate::encoding::is_foreign;

/// What to do with a line that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InvalidUtf8 {
    /// Treat the wrong bytes as white space.
    Replace,
    /// Leave the line out, and count it.
    Skip,
    /// Fail.
    Fail,
}

/// Lines that were not UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrongLines {
    /// How many there were.
    pub lines: u64,
    /// Those of them that look like text in another encoding.
    pub foreign: u64,
    /// Whether the first line of the text is one of these.
    pub is_first_foreign: bool,
}

/// Replaces wrong bytes or their whole lines by spaces, and reports which lines were not UTF-8.
///
/// # Errors
/// With [`InvalidUtf8::Fail`], the offset of the first wrong byte in `text`.
pub fn make_valid(text: &mut [u8], invalid: InvalidUtf8) -> Result<WrongLines, usize> {
    let mut wrong = WrongLines::default();
    if simdutf8::basic::from_utf8(text).is_ok() {
        return Ok(wrong);
    }
    let ends: Vec<usize> = memchr_iter(b'\n', text).chain([text.len()]).collect();
    let mut start = 0;
    for end in ends {
        let line = &mut text[start..end];
        if let Err(error) = str::from_utf8(line) {
            wrong.lines += 1;
            if is_foreign(line) {
                wrong.foreign += 1;
                wrong.is_first_foreign |= start == 0;
            }
            match invalid {
                InvalidUtf8::Replace => blank_wrong(line),
                InvalidUtf8::Skip => line.fill(b' '),
                InvalidUtf8::Fail => return Err(start + error.valid_up_to()),
            }
        }
        start = end + 1;
    }
    Ok(wrong)
}

fn blank_wrong(line: &mut [u8]) {
    let mut at = 0;
    while let Err(error) = str::from_utf8(&line[at..]) {
        let start = at + error.valid_up_to();
        let end = error.error_len().map_or(line.len(), |len| start + len);
        line[start..end].fill(b' ');
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], invalid: InvalidUtf8, expected: Result<(&str, u64), usize>) {
        let mut made = text.to_vec();
        let wrong = make_valid(&mut made, invalid);
        assert_eq!(wrong.map(|wrong| wrong.lines), expected.map(|(_, wrong)| wrong));
        if let Ok((expected, _)) = expected {
            assert_eq!(str::from_utf8(&made).unwrap(), expected);
        }
    }

    #[test]
    fn lines_and_wrong_bytes() {
        check(b"a b\nc\n", InvalidUtf8::Fail, Ok(("a b\nc\n", 0)));
        check(b"", InvalidUtf8::Fail, Ok(("", 0)));
        check(b"ok\nx\xffy\nz\xe2\x82", InvalidUtf8::Replace, Ok(("ok\nx y\nz  ", 2)));
        check(b"ok\nx\xffy\nz\n", InvalidUtf8::Skip, Ok(("ok\n   \nz\n", 1)));
        check(b"ok\nx\xffy\nz\xff", InvalidUtf8::Fail, Err(4));
    }
}
