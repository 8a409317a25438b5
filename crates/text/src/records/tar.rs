//! Tar archives (POSIX.1-1988 ustar, pax, GNU): the files in them, one after another, each ending with its last line.
//!
//! A header is 512 bytes with a checksum; the bytes of the file follow, filled up to a multiple of 512. A pax header
//! may have a size that exceeds the octal field. Folders, links and hidden names are skipped. A file that is packed or
//! not text is broken, and one with a NUL is broken from there on. Blocks of zeros end an archive, after which another
//! may begin. A damaged header ends the run, as the next one cannot be found.
//!
//! The package `tar` is not used: its entries borrow the archive, so they cannot be kept between two reads of a text;
//! it accepts an archive that is cut off between two files as whole, and its errors do not say where a header is
//! damaged.

use wordmill_formats::counted;

use super::sink::{Refused, Sink, Take};
use crate::encoding::{BYTE_ORDER_MARK, Converter};
use crate::format::Records;
use crate::sniff::not_plain_text;
use crate::tar_header::{BLOCK, is_header, number, pax_size, text};

/// Number of first bytes that show the kind of a file.
const HEAD_BYTES: u64 = 64 << 10;
/// The longest pax header that is read.
const PAX_BYTES: u64 = 1 << 20;

/// How the bytes after a header are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// A file that has not been examined.
    #[default]
    New,
    Text,
    Skipped,
    /// A pax header.
    Pax,
}

/// The state within the archive.
#[derive(Default)]
pub(super) struct Tar {
    kind: Kind,
    name: String,
    /// Remaining bytes of the file, and its padding.
    left: u64,
    filled: u64,
    /// A pax header read so far, and the size it states for the next file.
    pax: Vec<u8>,
    size: Option<u64>,
    /// How the texts are read, and the converter of the current one.
    records: Records,
    converter: Option<Converter>,
    /// Whether the last byte of text was a line end.
    is_line_end: bool,
    /// Whether a block of zeros has ended the archive.
    has_ended: bool,
}

impl Tar {
    /// For files that are read by the settings.
    pub fn new(records: Records) -> Self {
        Self { records, ..Self::default() }
    }

    /// Reads a header.
    fn begin(&mut self, block: &[u8], at: u64, sink: &mut Sink) -> Result<(), Refused> {
        let damaged = || {
            let what = format!("the header at byte {at} of the archive is damaged");
            Refused(what, "get a whole copy of the archive, or unpack it and name the files")
        };
        if !is_header(block) {
            return Err(damaged());
        }
        let size = self.size.take().or_else(|| number(&block[124..136])).ok_or_else(damaged)?;
        let prefix =
            if &block[257..263] == b"ustar\0" { text(&block[345..500]) } else { String::new() };
        let slash = if prefix.is_empty() { "" } else { "/" };
        self.name = format!("{prefix}{slash}{}", text(&block[..100]));
        let is_hidden = self.name.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
        let whole = size.checked_next_multiple_of(BLOCK as u64).ok_or_else(damaged)?;
        (self.left, self.filled) = (size, whole - size);
        self.kind = match block[156] {
            0 | b'0' | b'7' if self.name.ends_with('/') || is_hidden => Kind::Skipped,
            0 | b'0' | b'7' => Kind::New,
            b'x' if size <= PAX_BYTES => Kind::Pax,
            b'S' => {
                sink.record();
                sink.broken(at, &format!("{}: a file with holes in it", self.name))?;
                Kind::Skipped
            }
            _ => Kind::Skipped,
        };
        if self.kind == Kind::New {
            sink.record();
            self.is_line_end = true;
        }
        Ok(())
    }

    /// Examines the first bytes of a file; returns their number, or `None` if there are too few.
    fn look(
        &mut self,
        rest: &[u8],
        at: u64,
        is_end: bool,
        sink: &mut Sink,
    ) -> Result<Option<usize>, Refused> {
        let wanted = self.left.min(HEAD_BYTES) as usize;
        if rest.len() < wanted && !is_end {
            return Ok(None);
        }
        let head = &rest[..wanted.min(rest.len())];
        self.kind = Kind::Text;
        if let Some(problem) = not_plain_text(head, &self.records) {
            self.kind = Kind::Skipped;
            sink.broken(at, &format!("{}: {problem}", self.name))?;
        }
        let mark = if head.starts_with(&BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        self.converter = Converter::new(self.records.encoding).filter(|_| mark == 0);
        self.left -= mark as u64;
        Ok(Some(mark))
    }

    /// Takes the available bytes after a header.
    fn take_some(&mut self, rest: &[u8], at: u64, sink: &mut Sink) -> Result<usize, Refused> {
        let count = rest.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let some = &rest[..count];
        self.left -= count as u64;
        match self.kind {
            Kind::Text => self.take_text(some, at, sink)?,
            Kind::Pax => self.pax.extend_from_slice(some),
            _ => {}
        }
        if self.left == 0 {
            self.end(sink);
        }
        Ok(count)
    }

    /// Passes on a part of a text, up to a NUL.
    fn take_text(&mut self, some: &[u8], at: u64, sink: &mut Sink) -> Result<(), Refused> {
        let start = sink.text.len();
        match &mut self.converter {
            Some(converter) => converter.convert(some, self.left == 0, &mut sink.text),
            None => sink.text.extend_from_slice(some),
        }
        let nul = memchr::memchr(0, &sink.text[start..]);
        sink.text.truncate(nul.map_or(sink.text.len(), |nul| start + nul));
        if let Some(last) = sink.text[start..].last() {
            self.is_line_end = *last == b'\n';
        }
        if nul.is_some() {
            let what = "it has a NUL, so it is not text: the rest is left out";
            let told = format!("{}: {what}", self.name);
            self.end(sink);
            sink.broken(at, &told)?;
        }
        Ok(())
    }

    /// Ends the input.
    fn finish(&mut self, at: u64, sink: &mut Sink) -> Result<(), Refused> {
        if self.has_ended {
            return Ok(());
        }
        let what = match self.left {
            0 => "the archive has no end: it is cut off".to_owned(),
            left => {
                format!("{}: it is cut off, {} of it missing", self.name, counted(left, "byte"))
            }
        };
        // The file was counted when it began, and as broken if it is not text.
        if self.left == 0 || self.kind != Kind::Text {
            sink.record();
        }
        self.end(sink);
        (self.left, self.has_ended) = (0, true);
        sink.broken(at, &what)
    }

    fn end(&mut self, sink: &mut Sink) {
        if self.kind == Kind::Text && !self.is_line_end {
            sink.end_line();
        }
        if self.kind == Kind::Pax {
            self.size = pax_size(&std::mem::take(&mut self.pax));
        }
        self.kind = Kind::Skipped;
    }
}

impl Take for Tar {
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused> {
        let mut at = 0;
        loop {
            let rest = &raw[at..];
            if self.left > 0 && self.kind == Kind::New {
                match self.look(rest, sink.place(at), is_end, sink)? {
                    Some(mark) => at += mark,
                    None => break,
                }
            } else if self.left > 0 && !rest.is_empty() {
                at += self.take_some(rest, sink.place(at), sink)?;
            } else if self.left == 0 && self.filled > 0 && !rest.is_empty() {
                let count = rest.len().min(self.filled as usize);
                (self.filled, at) = (self.filled - count as u64, at + count);
            } else if self.left == 0 && self.filled == 0 && rest.len() >= BLOCK {
                let block = &rest[..BLOCK];
                self.has_ended = block.iter().all(|byte| *byte == 0);
                if !self.has_ended {
                    self.begin(block, sink.place(at), sink)?;
                }
                at += BLOCK;
            } else {
                break;
            }
        }
        if is_end {
            at = raw.len();
            self.finish(sink.place(at), sink)?;
        }
        Ok(at)
    }
}
