//! The stage `phrases`: words that stand side by side more often than chance has it become one, `new york` becomes `new_york`.
//!
//! Phrases are learned in *passes*: each joins pairs of what the pass before has made, so that two passes give phrases of up to
//! four words. *Connectors* (`of`, `the`, …) may stand within a phrase, not at its ends, and are not counted as its words:
//! `bank of america` is the pair of `bank` and `america` with `of` between.
//!
//! Pairs are counted by the stages that count everything else: [`units`] are shards in which the two words of a pair stand side by
//! side, their vocabulary has what is frequent enough, and the matrix of a window of one word has every count, exact for any
//! number of pairs in bounded memory. [`select`] reads it, scores the pairs and writes the *list* of the pass, [`join`] writes the
//! shards anew. What was learned is one text, [`list_path`], that can be read, edited and given to another run.
//!
//! A line that is longer than a chunk is cut there: no phrase is joined across.

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
