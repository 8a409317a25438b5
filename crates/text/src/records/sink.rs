//! The interface of readers of records, and the sink of their results.

use crate::format::RecordCounts;

/// The most broken records of an input that are reported.
pub(super) const TOLD: usize = 3;

/// Takes records from bytes.
pub(super) trait Take: Send {
    /// Takes the complete records in `raw`, and everything at the end, and returns their number of bytes.
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused>;
    /// `raw` has the maximum length of a record without being complete: skips it.
    fn give_up(&mut self, _sink: &mut Sink) -> Result<(), Refused> {
        Ok(())
    }
}

/// Why the rest of an input cannot be read, and what to do.
pub(super) struct Refused(pub String, pub &'static str);

/// The results of takers.
pub(super) struct Sink {
    pub text: Vec<u8>,
    pub counts: RecordCounts,
    pub told: Vec<String>,
    pub strict: bool,
    /// The offset of `raw` in the input.
    pub offset: u64,
}

impl Sink {
    /// A record begins.
    pub fn record(&mut self) {
        self.counts.records += 1;
    }

    /// The last record is broken; `place` is where in the input it was found.
    pub fn broken(&mut self, place: u64, what: &str) -> Result<(), Refused> {
        self.counts.broken += 1;
        let told = format!("record {}, byte {place}: {what}", self.counts.records);
        if self.strict {
            return Err(Refused(told, "correct it, or set corpus.strict to false to leave it out"));
        }
        if self.told.len() < TOLD {
            self.told.push(told);
        }
        Ok(())
    }

    /// An offset in `raw`, as an offset in the input.
    pub fn place(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    pub fn end_line(&mut self) {
        self.text.push(b'\n');
    }
}
