//! Documents: lines up to a blank one become one line.

use super::sink::{Refused, Sink, Take};

/// The state within a document.
#[derive(Default)]
pub(super) struct Documents {
    /// Whether the document has text.
    is_open: bool,
    /// Whether the line has text.
    has_text: bool,
}

impl Documents {
    fn close(&mut self, sink: &mut Sink) {
        if self.is_open {
            sink.end_line();
        }
        self.is_open = false;
    }
}

impl Take for Documents {
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused> {
        let mut at = 0;
        while at < raw.len() {
            let end = memchr::memchr(b'\n', &raw[at..]).map(|len| at + len);
            let mut part = &raw[at..end.unwrap_or(raw.len())];
            if !self.has_text {
                part = part.trim_ascii_start();
            }
            if !part.is_empty() {
                if !self.is_open {
                    sink.record();
                } else if !self.has_text {
                    sink.text.push(b' ');
                }
                (self.is_open, self.has_text) = (true, true);
                sink.text.extend_from_slice(part);
            }
            if end.is_some() {
                if !self.has_text {
                    self.close(sink);
                }
                self.has_text = false;
            }
            at = end.map_or(raw.len(), |end| end + 1);
        }
        if is_end {
            self.close(sink);
        }
        Ok(at)
    }
}
