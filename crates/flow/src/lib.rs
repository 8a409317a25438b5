//! Execution: named workers, bounded channels of batches, one memory budget, cancellation.
//!
//! Terms: a [`Context`] is what every stage gets: the number of threads, the [`Budget`], the [`Cancel`] switch and the
//! [`Progress`] sink. [`channel`] makes a channel bounded in items and in bytes; [`run_workers`] and [`run_tasks`] run
//! named threads, join them all, and return the first error. A [`Step`] is a list of [`Unit`]s of work from finished
//! files to finished files, and [`run_step`] makes the missing ones. This crate knows no file format and no word.
//!
//! ```
//! use wordmill_flow::{Context, run_tasks};
//!
//! type Error = Box<dyn std::error::Error + Send + Sync>;
//!
//! let ctx = Context::for_tests(2);
//! let squares = run_tasks(&ctx, "square", ctx.threads, 4, |task| Ok::<_, Error>(task * task))?;
//! assert_eq!(squares, [0, 1, 4, 9]);
//! # Ok::<(), Error>(())
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod budget;
mod cancel;
mod channel;
mod context;
pub mod contract;
mod event;
mod need;
mod progress;
mod quantities;
mod step;
mod workers;

pub use budget::{Budget, OverBudget, Reservation, format_bytes};
pub use cancel::{Cancel, Stopped};
pub use channel::{Closed, Receiver, Sender, Weighted, channel};
pub use context::Context;
pub use event::{EpochRow, Event, Work};
pub use need::{Chunks, Need, Room, Sizes};
pub use progress::{
    Progress, StageProgress, format_duration, own_resident_bytes, peak_resident_bytes,
    resident_bytes,
};
pub use quantities::{format_seconds, format_size, parse_duration, parse_size, seconds, size};
pub use step::{Label, Step, Unit, run_in_turn, run_step, run_units};
pub use workers::{NoThreads, run_tasks, run_workers};
