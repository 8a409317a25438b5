//! Queries, evaluation, export and conversion of word vectors.
//!
//! Terms: a *row* is a vector of a mapped file ([`Which`] of its matrices, or their sum); a *query* is a
//! unit vector computed from words; an *answer* is a word with its cosine. [`nearest()`] and
//! [`analogy()`] scan all rows exactly, [`score_analogies`] and [`score_similarity`] measure vectors on
//! sets of questions, [`export()`] writes formats of other programs, [`convert()`] reads them, and
//! [`describe()`] identifies a file.
//!
//! Rows are read block by block from the map, so nothing here copies all vectors, and no result
//! depends on the number of threads. This crate knows nothing of training or the command line.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error;
mod located;
mod lookup;
mod map;
mod rows;
mod search;
mod threads;
mod top;

mod analogy;
mod nearest;
mod predict;
mod question;

mod eval;

mod convert;
mod describe;
mod export;
mod spread;

#[cfg(test)]
mod tests;

pub use analogy::{Analogy, AnalogyMethod, analogy, combine};
pub use convert::{ConvertConfig, ConvertFormat, Converted, Opened, convert, is_packed, open};
pub use describe::{Description, describe};
pub use error::QueryError;
pub use eval::{
    AnalogyScores, AnalogySet, Comparison, Convention, EvalConfig, EvalReport, OutlierScores,
    OutlierSection, OutlierSet, Score, SectionScore, SideBySide, SimilarityScores, SimilaritySet,
    compare, score_analogies, score_outliers, score_similarity, spearman,
};
pub use export::{
    ExportConfig, ExportElement, ExportFormat, ExportScale, ExportSpaces, ExportWhich, Exported,
    Loss, export,
};
pub use located::located;
pub use lookup::{complete, find_known, find_word, find_words};
pub use map::{Map, Point, map};
pub use nearest::{cosine, nearest, nearest_each};
pub use predict::{Prediction, Predictor};
pub use question::Question;
pub use rows::Which;
pub use spread::Spread;
