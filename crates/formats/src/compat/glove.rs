//! GloVe's text format: word2vec's without the header line.

use std::path::Path;
use std::sync::Arc;

use super::{Rows, word2vec};
use crate::artefact::Published;
use crate::error::FormatError;
use crate::storage::Storage;

/// Writes the text format of GloVe.
pub fn write_text(
    storage: &Arc<dyn Storage>,
    path: &Path,
    rows: &Rows<'_>,
) -> Result<Published, FormatError> {
    word2vec::write(storage, path, rows, word2vec::Header::None, word2vec::text_row)
}
