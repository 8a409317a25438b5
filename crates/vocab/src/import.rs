//! What another program has counted: a vocabulary, and who meets whom.
//!
//! Both are read as another program wrote them, packed or not, and refused with the line or record
//! that cannot be used.

mod counts;
mod kinds;
mod lines;
mod vocabulary;

pub use counts::{Count, CountWords, CountsFile, CountsForm, CountsRead};
pub use vocabulary::import_vocabulary;
