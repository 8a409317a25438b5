//! WARC (ISO 28500): the bodies of records of type `conversion`, the plain text of crawled pages.
//!
//! A record is a version line, named fields up to a blank line, and the number of bytes in `Content-Length`. A header
//! without that field is broken, and reading continues at the next line that begins like a version. Lines end with
//! CRLF, or with LF alone if a tool has rewritten them. A file with records of other types only is refused: it has
//! pages, not their text.

use std::collections::BTreeMap;

use wordmill_formats::counted;

use super::sink::{Refused, Sink, Take};

/// The longest header.
const HEADER_BYTES: usize = 1 << 20;
/// Types of records that are counted by name; the standard has eight.
const TYPES_MOST: usize = 16;

/// The state within the file.
#[derive(Default)]
pub(super) struct Wet {
    /// Remaining bytes of a body, and whether they are text.
    body: Option<(u64, bool)>,
    /// Whether a missing header at this place has been reported.
    is_lost: bool,
    /// Whether the last byte of text was a line end.
    is_line_end: bool,
    /// Number of records of each type, and whether one of them was text.
    types: BTreeMap<String, u64>,
    has_text: bool,
}

impl Wet {
    /// Parses a header at the beginning of `raw`; returns it with its length, or `None` if it is
    /// not whole.
    fn header(
        &mut self,
        raw: &[u8],
        at: usize,
        is_end: bool,
        sink: &mut Sink,
    ) -> Result<Option<usize>, Refused> {
        let rest = &raw[at..];
        if !rest.starts_with(b"WARC/") {
            if rest.len() < 5 && !is_end {
                return Ok(None);
            }
            return self.lose(raw, at, "there is no record of WARC here", sink).map(Some);
        }
        let Some(len) = header_bytes(rest).filter(|len| *len <= HEADER_BYTES) else {
            if rest.len() < HEADER_BYTES && !is_end {
                return Ok(None);
            }
            return self.lose(raw, at, "its header does not end", sink).map(Some);
        };
        let field = |name: &str| {
            rest[..len].split(|byte| *byte == b'\n').find_map(|line| {
                let colon = memchr::memchr(b':', line)?;
                let is_it = line[..colon].eq_ignore_ascii_case(name.as_bytes());
                is_it.then(|| String::from_utf8_lossy(line[colon + 1..].trim_ascii()).into_owned())
            })
        };
        let Some(bytes) = field("Content-Length").and_then(|bytes| bytes.parse().ok()) else {
            return self.lose(raw, at, "its Content-Length is not a number", sink).map(Some);
        };
        let kind = field("WARC-Type").unwrap_or_default();
        let is_text = kind == "conversion";
        if is_text {
            sink.record();
        }
        self.note(kind);
        (self.body, self.is_lost, self.is_line_end) = (Some((bytes, is_text)), false, true);
        Ok(Some(len))
    }

    /// Counts a record of a type.
    fn note(&mut self, kind: String) {
        self.has_text |= kind == "conversion";
        if self.types.len() < TYPES_MOST || self.types.contains_key(&kind) {
            *self.types.entry(kind).or_default() += 1;
        }
    }

    /// A file without any text record was not meant for this format.
    fn check(&self) -> Result<(), Refused> {
        if self.has_text || self.types.is_empty() {
            return Ok(());
        }
        let each = self.types.iter().map(|(kind, count)| match kind.as_str() {
            "" => format!("{count} without a type"),
            kind => format!("{count} of type {kind}"),
        });
        let each: Vec<_> = each.collect();
        let what = format!(
            "it has WARC records, {}, but none of type conversion, which hold the text of pages",
            each.join(", ")
        );
        let way_out = "name the WET files of the crawl, or extract the text of its pages first";
        Err(Refused(what, way_out))
    }

    /// Skips a line that is not a header.
    fn lose(
        &mut self,
        raw: &[u8],
        at: usize,
        what: &str,
        sink: &mut Sink,
    ) -> Result<usize, Refused> {
        if !self.is_lost {
            sink.record();
            sink.broken(sink.place(at), what)?;
            self.is_lost = true;
        }
        let rest = &raw[at..];
        Ok(memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1))
    }

    /// Passes on the available part of a body.
    fn take_body(&mut self, rest: &[u8], bytes: u64, is_text: bool, sink: &mut Sink) -> usize {
        let count = rest.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        if is_text && count > 0 {
            sink.text.extend_from_slice(&rest[..count]);
            self.is_line_end = rest[count - 1] == b'\n';
        }
        let left = bytes - count as u64;
        self.body = (left > 0).then_some((left, is_text));
        if left == 0 && !self.is_line_end {
            sink.end_line();
        }
        count
    }
}

impl Take for Wet {
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused> {
        let mut at = 0;
        while at < raw.len() {
            if let Some((bytes, is_text)) = self.body {
                at += self.take_body(&raw[at..], bytes, is_text, sink);
                continue;
            }
            // Line ends between records.
            if raw[at] == b'\n' || raw[at] == b'\r' {
                at += 1;
                continue;
            }
            match self.header(raw, at, is_end, sink)? {
                Some(len) => at += len,
                None => break,
            }
        }
        if let (true, Some((bytes, _))) = (is_end, self.body) {
            sink.end_line();
            sink.broken(
                sink.place(at),
                &format!("it is cut off, {} of it missing", counted(bytes, "byte")),
            )?;
            self.body = None;
        }
        if is_end {
            self.check()?;
        }
        Ok(at)
    }
}

/// The length of a header with the blank line that ends it, if available: the first one, whatever ends the lines of the
/// page after it.
fn header_bytes(rest: &[u8]) -> Option<usize> {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', rest) {
        if matches!(&rest[start..end], b"" | b"\r") {
            return Some(end + 1);
        }
        start = end + 1;
    }
    None
}
