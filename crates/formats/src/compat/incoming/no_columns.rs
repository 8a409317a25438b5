//! Replaces `columns` in a build without the feature `parquet`: tables are recognised and refused.

use std::path::Path;
use std::sync::Arc;

use super::bad::BadRow;
use super::form::{VectorForm, Wanted};
use crate::error::FormatError;
use crate::storage::Storage;

/// A table, which cannot exist.
pub(super) enum Table {}

/// The next item of a table.
#[allow(dead_code, reason = "the reader knows all three")]
pub(super) enum TableRow {
    End,
    Row,
    Bad(BadRow),
}

/// Advises how to get a build that can.
pub(super) fn shape(
    _: &Arc<dyn Storage>,
    path: &Path,
    form: VectorForm,
) -> Result<(Option<u64>, u64), FormatError> {
    let what = format!("it is {}; build wordmill with --features parquet to read it", form.what());
    Err(FormatError::foreign(path, "vectors that this build can read", what))
}

impl Table {
    pub fn open(
        storage: &Arc<dyn Storage>,
        path: &Path,
        form: VectorForm,
        _: Wanted,
    ) -> Result<(Self, Option<u64>), FormatError> {
        Err(shape(storage, path, form).expect_err("it has no other way out"))
    }

    pub fn advance(
        &mut self,
        _: &mut String,
        _: &mut u64,
        _: Option<&mut Vec<f32>>,
    ) -> Result<TableRow, String> {
        match *self {}
    }
}
