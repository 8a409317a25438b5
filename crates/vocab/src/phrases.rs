//! The stage `phrases`: joins words that occur side by side more often than by chance, `new york` to `new_york`.
//!
//! Phrases are learned in *passes*: each joins pairs of the words from the pass before, so that two passes give phrases
//! of up to four words. *Connectors* (`of`, `the`, …) may occur within a phrase, not at its ends, and are not counted
//! as its words: `bank of america` is the pair of `bank` and `america` with `of` between.
//!
//! Pairs are counted by the stages that count everything else. [`units`] writes shards in which the two words of a pair
//! are adjacent, their vocabulary has the sufficiently frequent ones, and the matrix of a window of one word has every
//! count, exact for any number of pairs in bounded memory. [`select`] reads it, scores the pairs and writes the *list*
//! of the pass; [`join`] rewrites the shards. The learned phrases are one text, [`list_path`], that can be read, edited
//! and given to another run.
//!
//! A line that is longer than a chunk is cut there: no phrase is joined across the cut.

mod config;
mod folders;
mod join;
mod list;
mod need;
mod score;
mod select;
mod units;

pub use config::{MOST_CONNECTORS, Parts, Pass, PhrasesConfig, PhrasesJob, Thresholds};
pub use folders::{COUNTED, FOLDER, MOST_PASSES, folders, list_path, shards_folder, sweep};
pub use join::{Joined, Joiner, join};
pub use list::{Phrases, finish, given, learned};
pub use need::{PairSizes, need, pair_sizes};
pub use score::Score;
pub use select::{PairCounts, select};
pub use units::units;

#[cfg(test)]
mod tests;
