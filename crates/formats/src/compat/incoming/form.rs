//! The formats of other programs, and the limits of what is read.

/// The most numbers of a vector.
pub const DIM_MAX: usize = 1 << 16;
/// The longest word in bytes: that of the tokenizers.
pub(super) const WORD_BYTES_MAX: usize = 1 << 20;
/// The longest line of text: a word and the maximum of numbers.
pub(super) const LINE_BYTES_MAX: usize = WORD_BYTES_MAX + 64 * DIM_MAX;
/// Ids are u32, and the last one is reserved.
pub(super) const ROWS_MAX: u64 = u32::MAX as u64 - 1;

/// The format of another program's vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorForm {
    /// word2vec's binary format.
    Word2vec,
    /// word2vec's text format, which is fastText's too.
    Word2vecText,
    /// GloVe's text format.
    Glove,
    /// An array of NumPy.
    Npy,
    /// finalfusion's format.
    Finalfusion,
    /// Arrow's file format, a table of columns.
    Arrow,
    /// Parquet, a table of columns.
    Parquet,
}

/// Which parts a reader returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Rows,
    Words,
}

impl VectorForm {
    /// Its name in words.
    pub fn what(self) -> &'static str {
        match self {
            Self::Word2vec => "vectors in word2vec's binary format",
            Self::Word2vecText => "vectors in word2vec's text format",
            Self::Glove => "vectors in GloVe's text format",
            Self::Npy => "an array of NumPy",
            Self::Finalfusion => "vectors in finalfusion's format",
            Self::Arrow => "a table in Arrow's file format",
            Self::Parquet => "a table in Parquet",
        }
    }

    pub(super) fn is_table(self) -> bool {
        matches!(self, Self::Arrow | Self::Parquet)
    }
}
