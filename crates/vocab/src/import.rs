//! Imports a vocabulary and co-occurrence counts of another program.
//!
//! Both are read as the other program wrote them, packed or not. An error names the line or record
//! that cannot be used.

mod counts;
mod kinds;
mod lines;
mod vocabulary;

pub use counts::{Count, CountWords, CountsFile, CountsForm, CountsRead};
pub use vocabulary::import_vocabulary;
