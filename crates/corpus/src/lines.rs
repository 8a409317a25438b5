//! Lines: the text of a chunk line by line, and what becomes of bytes that are not UTF-8.
//!
//! A line ends with `\n`; a `\r` before it is white space like any other.

use std::str;

use memchr::memchr_iter;

/// What becomes of a line that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidUtf8 {
    /// The wrong bytes become U+FFFD, which separates words.
    Replace,
    /// The line is left out and counted.
    Skip,
    /// The run fails.
    Fail,
}

/// Calls `each` with every line and returns how many of them were not UTF-8; a skipped line comes
/// as an empty one.
///
/// # Errors
/// With [`InvalidUtf8::Fail`], where in `text` the first wrong byte stands.
pub(crate) fn each_line(
    text: &[u8],
    invalid: InvalidUtf8,
    mut each: impl FnMut(&str),
) -> Result<u64, usize> {
    if let Ok(text) = simdutf8::basic::from_utf8(text) {
        split(text.as_bytes(), |start, end| each(&text[start..end]));
        return Ok(0);
    }
    let (mut wrong, mut failed) = (0, None);
    split(text, |start, end| match str::from_utf8(&text[start..end]) {
        Ok(line) => each(line),
        Err(error) => {
            wrong += 1;
            match invalid {
                InvalidUtf8::Replace => each(&String::from_utf8_lossy(&text[start..end])),
                InvalidUtf8::Skip => each(""),
                InvalidUtf8::Fail => failed = failed.or(Some(start + error.valid_up_to())),
            }
        }
    });
    failed.map_or(Ok(wrong), Err)
}

fn split(text: &[u8], mut each: impl FnMut(usize, usize)) {
    let mut start = 0;
    for end in memchr_iter(b'\n', text) {
        each(start, end);
        start = end + 1;
    }
    if start < text.len() {
        each(start, text.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], invalid: InvalidUtf8, expected: Result<(&[&str], u64), usize>) {
        let mut lines = Vec::new();
        let wrong = each_line(text, invalid, |line| lines.push(line.to_owned()));
        assert_eq!(wrong, expected.map(|(_, wrong)| wrong));
        if let Ok((expected, _)) = expected {
            assert_eq!(lines, expected);
        }
    }

    #[test]
    fn lines_and_wrong_bytes() {
        check(b"a b\nc\n", InvalidUtf8::Fail, Ok((&["a b", "c"], 0)));
        check(b"a\n\nb", InvalidUtf8::Fail, Ok((&["a", "", "b"], 0)));
        check(b"", InvalidUtf8::Fail, Ok((&[], 0)));
        check(
            b"ok\nx\xffy\nz\xe2\x82",
            InvalidUtf8::Replace,
            Ok((&["ok", "x\u{fffd}y", "z\u{fffd}"], 2)),
        );
        check(b"ok\nx\xffy\nz\n", InvalidUtf8::Skip, Ok((&["ok", "", "z"], 1)));
        check(b"ok\nx\xffy\nz\xff", InvalidUtf8::Fail, Err(4));
    }
}
