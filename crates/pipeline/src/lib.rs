//! What a run is: its configuration, its stages and their graph, the ledger of its directory, and the plan of what it needs.
//!
//! Nouns: a [`config::Config`] is everything that `pipeline.toml`, the environment and the command line may set; a *stage* turns
//! finished files into finished files; the [`ledger::Ledger`] of a run directory knows which stages are done, with which
//! configuration and inputs; the [`planner`] says what each stage will take. [`run()`] puts them together.
//!
//! This crate prints nothing, reads no environment variable, installs no signal handler and never exits: whoever calls it passes
//! threads, memory, cancellation and an observer in a [`wordmill_flow::Context`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod config;

mod error;
mod kind;
mod memory;

pub mod ledger;
pub mod past;

pub mod artefacts;
pub mod texts;

pub mod outlook;
pub mod stage;
pub mod stages;

pub mod graph;

pub mod doctor;
pub mod planner;
pub mod settlement;
pub mod verify;

mod beside;
mod normalize;
mod run;
mod scores;
mod way_out;

pub use beside::{check_place, remove_run};
pub use error::{DoesNotFit, Error, ErrorKind, Stale, kind_of};
pub use memory::PROGRAM_BYTES;
pub use normalize::spelling_of;
pub use run::{Asked, Finished, run, run_in_memory};
pub use scores::{EvalSets, scores};
pub use way_out::way_out;
