//! The names that an expression may use, and the numbers that are the same for all cells.

/// The meaning of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The score.
    S,
    /// The weight of the cell.
    X,
    /// How often the word of the row occurs in the text whose pairs were counted.
    ICount,
    /// How often the word of the column occurs there.
    JCount,
    /// Number of words of that text.
    Tokens,
    /// The weight of all cells.
    Pairs,
}

/// Numbers that are the same for all cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constants {
    /// Number of words of the text whose pairs were counted.
    pub tokens: f64,
    /// The weight of all cells.
    pub pairs: f64,
}

impl Name {
    /// All names with their meaning.
    pub const ALL: [(&'static str, Self); 6] = [
        ("s", Self::S),
        ("x", Self::X),
        ("i_count", Self::ICount),
        ("j_count", Self::JCount),
        ("tokens", Self::Tokens),
        ("pairs", Self::Pairs),
    ];
}
