//! The names that an expression may use, and the numbers that are the same for all cells.

/// What names of an expression stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The score.
    S,
    /// The weight of the cell.
    X,
    /// How often the word of the row occurs in the text whose pairs were counted.
    ICount,
    /// How often the word of the column does.
    JCount,
    /// Words of that text.
    Tokens,
    /// The weight of all cells.
    Pairs,
}

/// Numbers that are the same for all cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constants {
    /// Words of the text whose pairs were counted.
    pub tokens: f64,
    /// The weight of all cells.
    pub pairs: f64,
}

impl Name {
    /// All names with what they stand for.
    pub const ALL: [(&'static str, Self); 6] = [
        ("s", Self::S),
        ("x", Self::X),
        ("i_count", Self::ICount),
        ("j_count", Self::JCount),
        ("tokens", Self::Tokens),
        ("pairs", Self::Pairs),
    ];
}
