//! Tests of several crates: one binary, so that it links once. A test that needs more than one
//! crate belongs here; other tests are in their crate.
//!
//! * `tidy`: the rules of the repository, checked on the manifests and the sources.
//! * `pipeline`: from text to vectors, on the built-in sample.
//! * `imports`: counts of another program instead of text.
//! * `look`: tables, units and colours.
//! * `manners`: what a user meets beside results: status, logs, warnings, help.
//! * `manual`: every command of README.md and docs.
//! * `matrix`: the matrix as other programs read it.
//! * `changes`: a finished run whose text, lists, settings or folder change.
//! * `convert`: vectors of other programs read and written.
//! * `examples`: the examples of the library.
//! * `given`: vectors as users have them: packed, through pipes, with bad rows.
//! * `json`: events and `--json`, compared with their documentation.
//! * `library`: pipelines and vectors in programs.
//! * `needs`: what stages need, compared with what they declare.
//! * `outputs`: outputs that are pipes, devices and links.
//! * `peers`: programs that read wordmill's files, if they are installed.
//! * `phrases`: words that are joined.
//! * `pipes`: texts that can be read only once, or are named twice.
//! * `report`: the page about a run.
//! * `records`: texts in fields of other formats.
//! * `restart`: runs that are killed, stopped, or changed half way.
//! * `hard_places`: full, read-only and crowded places, directories copied in part.
//! * `bad_input`: wrong settings, wrong text, damaged files.
//! * `start`: training that begins with vectors, and goes on from them.
//! * `texts`: other encodings, byte order marks, links, data after packed data.
//! * `using`: questions to vectors.
//! * `verify`: intact files that do not belong together.
//! * `dedup`: dropping repeated lines.
//! * `words`: normalisers, lists of words, other spellings.
//! * `windows`: trainers that read the text itself.
//!
//! `hostile.rs` beside this file is a separate binary, because it counts the allocations of the
//! process.
//!
//! `support` runs the program; `reading` reads its files.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

mod bad_input;
mod changes;
mod convert;
mod dedup;
mod examples;
mod given;
mod hard_places;
mod imports;
mod json;
mod library;
mod look;
mod manners;
mod manual;
mod matrix;
mod needs;
mod one_line;
mod outputs;
mod peers;
mod phrases;
mod pipeline;
mod pipes;
mod reading;
mod records;
mod report;
mod restart;
mod start;
mod texts;
mod tidy;

mod using;
mod verify;
mod windows;
mod words;
