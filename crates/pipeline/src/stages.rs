//! The stages, one file each, in the order in which they run.
//!
//! A stage is a file here and a line in [`KINDS`]; the graph puts it in its place.

pub mod tokenize;

pub mod dedup;
pub mod phrases;
pub mod pieces;
mod reshaped;

pub mod vocabulary;

pub mod cooccur;
pub mod merge;

pub mod import;

pub mod shuffle;

mod callback;
mod start;
pub mod train;

mod outputs;
mod settings;

pub use start::GivenFiles;

use crate::stage::Kind;

/// Every kind of stage; that of a trainer is last, since its names are not known.
pub const KINDS: [Kind; 10] = [
    tokenize::KIND,
    dedup::KIND,
    pieces::KIND,
    phrases::KIND,
    vocabulary::KIND,
    cooccur::KIND,
    merge::KIND,
    shuffle::KIND,
    import::KIND,
    train::KIND,
];

/// The kind of a stage; that of trainers for a name that is none.
#[must_use]
pub fn kind_of_stage(name: &str) -> Kind {
    KINDS.into_iter().find(|kind| kind.name == name).unwrap_or(train::KIND)
}

/// The folders that a stage writes to.
#[must_use]
pub fn folders_of_stage(name: &str) -> Vec<String> {
    (kind_of_stage(name).folders)(name).into_iter().map(|folder| folder.path).collect()
}
