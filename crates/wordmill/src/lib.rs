//! wordmill turns a text corpus larger than memory into word vectors, and answers questions about them.
//!
//! A [`Pipeline`] reads text, counts words and pairs of words on disk, and trains skip-gram, CBOW, hierarchical softmax and GloVe
//! vectors within a memory budget. It can be interrupted at any time and resumes where it stopped, and it makes the same bytes
//! for any number of threads, any budget and any interruption. [`Vectors`] maps a file of vectors and finds neighbours,
//! analogies and predictions.
//!
//! ```no_run
//! use wordmill::{Glove, Pipeline, SkipGram, Vectors};
//!
//! # fn main() -> Result<(), wordmill::Error> {
//! let run = Pipeline::builder()
//!     .inputs(["text.txt"])
//!     .memory("256MiB")
//!     .trainer(SkipGram::named("sg").dim(100).epochs(5))
//!     .trainer(Glove::named("gl").dim(100))
//!     .dir("run")
//!     .build()?
//!     .on_event(|event| eprintln!("{event:?}"))
//!     .run()?;
//! let vectors = Vectors::open(run.vectors("sg").expect("trained"))?;
//! for (word, cosine) in vectors.similar(["king"]).minus(["man"]).top(10)? {
//!     println!("{word} {cosine:.3}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Small texts can be trained on in memory, without a file:
//!
//! ```
//! use wordmill::{Pipeline, SkipGram};
//!
//! # fn main() -> Result<(), wordmill::Error> {
//! let sentences = ["the mill grinds the grain", "the miller bakes the bread"].repeat(20);
//! let fitted = Pipeline::builder()
//!     .trainer(SkipGram::named("sg").dim(10).epochs(2))
//!     .fit(&sentences)?;
//! let vectors = fitted.vectors("sg")?;
//! assert_eq!(vectors.vector("mill").map(<[f32]>::len), Some(10));
//! # Ok(())
//! # }
//! ```
//!
//! # What a library does not do
//!
//! Nothing here prints, installs a signal handler, reads an environment variable or ends the process. Progress is reported to
//! [`Pipeline::on_event`]; a [`Cancel`] stops a run from another thread. Errors are values of [`Error`], and [`Error::kind`] says
//! what a caller can do about one.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `cli` (default) | the program `wordmill`; a library does without: `wordmill = { default-features = false }` |
//! | `cjk` | `corpus.tokenizer = "cjk"`: Chinese, Japanese, Thai by dictionaries of ICU |
//! | `hf` | `corpus.tokenizer = "hf:tokenizer.json"`: tokenisers of Hugging Face's library |
//! | `parquet` | Parquet as text, Arrow and Parquet as vectors |
//! | `xz` | texts and vectors packed with xz |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod pipeline;
mod trainers;
mod vectors;

pub use pipeline::{Builder, Fitted, Pipeline, Run};
pub use trainers::{Cbow, Glove, HierarchicalSoftmax, SkipGram, Trainer};
pub use vectors::{Analogy, Predict, Similar, Vectors};

pub use wordmill_flow::{Cancel, Event, Work};
pub use wordmill_formats::{OutputRow, StageRow, StageState};
pub use wordmill_pipeline::config::{Config, Value};
pub use wordmill_pipeline::planner::Requirement;
pub use wordmill_pipeline::{Error, ErrorKind};
pub use wordmill_query::{AnalogyMethod, Which};
pub use wordmill_train::EpochRow;
