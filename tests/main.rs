//! Tests of the whole: one binary, so that it links once. If a test needs more than one room, it
//! belongs here; tests of one room stand in that room.
//!
//! * `tidy`: the rules of the house, read from the manifests and the sources.
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
//! * `needs`: what stages take, and what they say that they need.
//! * `one_line`: `train`, and lines as users of other programs type them.
//! * `outputs`: outputs that are pipes, devices and links.
//! * `peers`: programs that read our files, where they are installed.
//! * `phrases`: words that become one.
//! * `pipes`: texts that can be read only once, or are named twice.
//! * `report`: the page about a run.
//! * `records`: texts in fields of other formats.
//! * `restart`: runs that are killed, stopped, or changed half way.
//! * `hard_places`: full, read-only and crowded places, directories copied in part.
//! * `bad_input`: wrong settings, wrong text, damaged files.
//! * `start`: training that begins with vectors, and goes on from them.
//! * `texts`: other encodings, marks, links, what follows packed data.
//! * `using`: questions to vectors.
//! * `verify`: whole files that do not belong together.
//! * `dedup`: repeated lines left out.
//! * `words`: normalisers, lists of words, other spellings.
//! * `windows`: trainers that read the text itself.
//!
//! `hostile.rs` beside this file is a binary of its own, because it counts what the process allocates.
//!
//! `support` runs the program; `reading` reads what it wrote.
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
