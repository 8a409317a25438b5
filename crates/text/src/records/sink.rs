//! What every reader of records implements, and where it puts what it finds.

use crate::format::RecordCounts;

/// Broken records of an input that are told.
pub(super) const TOLD: usize = 3;

/// Takes records from bytes.
pub(super) trait Take: Send {
    /// Takes what is complete in `raw`, at least all of it at the end, and says how many bytes that were.
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused>;
    /// `raw` holds the longest record that is read, and it is not complete: goes on without it.
    fn give_up(&mut self, _sink: &mut Sink) -> Result<(), Refused> {
        Ok(())
    }
}

/// Why an input cannot be read on, and what to do.
pub(super) struct Refused(pub String, pub &'static str);

/// What takers give.
pub(super) struct Sink {
    pub text: Vec<u8>,
    pub counts: RecordCounts,
    pub told: Vec<String>,
    pub strict: bool,
    /// Where `raw` begins in the input.
    pub offset: u64,
}

impl Sink {
    /// A record begins.
    pub fn record(&mut self) {
        self.counts.records += 1;
    }

    /// The last record is broken; `place` is where in the input that is seen.
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

    /// A place in `raw`, counted from the begin of the input.
    pub fn place(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    pub fn end_line(&mut self) {
        self.text.push(b'\n');
    }
}
