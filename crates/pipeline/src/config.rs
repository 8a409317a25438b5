//! The configuration: what `pipeline.toml`, the environment and the flags say, resolved and checked.
//!
//! Nouns: *layers* are the places a setting may be written, later ones win (the file, `WORDMILL__*`
//! variables, `--set`, flags of their own); a *section* is a table of the file; a [`Config`] is the
//! result, with every value in its range. A key that is unknown, or not used by
//! the chosen trainer is an error, never ignored. Nothing here knows what a stage does.

mod corpus;
mod document;
mod draft;
mod error;
mod guess;
mod home;
mod jobs;
mod keys;
mod layers;
mod load;
mod loss;
mod mistaken;
mod one;
mod peers;
mod phrases;
mod preset;
mod read;
mod rows;
mod section;
mod sections;
mod start;
mod template;
mod train;
mod types;
mod write;

#[cfg(test)]
mod tests;

pub use corpus::{CorpusConfig, DuplicateLines, ReadingConfig};
pub use document::{names_file, reference, schema, template};
pub use draft::{Draft, Value};
pub use error::ConfigError;
pub use guess::did_you_mean;
pub use load::{Flag, Sources, is_setting, pipeline_file};
pub use one::{OneTrainer, one_trainer};
pub use peers::{flag_hint, peer_names};
pub use template::TEMPLATE;
pub use types::{Config, EvalConfig, LEAST_MEMORY, RunConfig, threads_or_all};
