//! MatrixMarket's coordinate format (Boisvert, Pozo, Remington 1996), which `scipy.io.mmread` reads.
//!
//! ```text
//! %%MatrixMarket matrix coordinate real symmetric      or `general`
//! % comments
//! ROWS COLUMNS ENTRIES
//! ROW COLUMN VALUE                                      from 1, an entry a line
//! ```
//!
//! A symmetric matrix has only the entries on and below its diagonal in the file. Values have as
//! many digits as are needed to read the same f64 back.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::plain::PlainWriter;
use crate::artefact::Published;
use crate::error::FormatError;
use crate::storage::Storage;

/// Which entries a file omits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symmetry {
    /// None: all entries are in the file.
    General,
    /// An entry (r, c) also represents (c, r); the file has those with r ≥ c.
    Symmetric,
}

/// A square matrix being written.
pub struct MarketWriter {
    writer: PlainWriter,
    symmetry: Symmetry,
    /// Entries that the header promised and that are not yet written.
    missing: u64,
}

impl MarketWriter {
    /// Writes the header: `rows` rows and columns, and the number of entries that follow.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        symmetry: Symmetry,
        comments: &[String],
        rows: u32,
        entries: u64,
    ) -> Result<Self, FormatError> {
        let mut writer = PlainWriter::create(storage, path)?;
        let name = match symmetry {
            Symmetry::General => "general",
            Symmetry::Symmetric => "symmetric",
        };
        let mut head = format!("%%MatrixMarket matrix coordinate real {name}\n");
        for comment in comments {
            // A line end would end the comment.
            head += &format!("% {}\n", comment.replace(char::is_control, " "));
        }
        head += &format!("{rows} {rows} {entries}\n");
        writer.append(|out| out.extend_from_slice(head.as_bytes()))?;
        Ok(Self { writer, symmetry, missing: entries })
    }

    /// Appends an entry; row and column count from 0 here.
    pub fn entry(&mut self, row: u32, column: u32, value: f64) -> Result<(), FormatError> {
        assert!(self.symmetry == Symmetry::General || column <= row, "above the diagonal");
        self.missing = self.missing.checked_sub(1).expect("the header promised as many entries");
        let (row, column) = (u64::from(row) + 1, u64::from(column) + 1);
        self.writer.append(|out| writeln!(out, "{row} {column} {value}").expect("to memory"))
    }

    /// Publishes the file.
    pub fn finish(self) -> Result<Published, FormatError> {
        assert_eq!(self.missing, 0, "the header promised more entries");
        self.writer.finish()
    }
}
