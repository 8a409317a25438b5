//! Tests of the whole: one binary, so that it links once. If a test needs more than one room, it
//! belongs here; tests of one room stand in that room.
//!
//! * `tidy`: the rules of the house, read from the manifests and the sources.
#![forbid(unsafe_code)]

mod tidy;
