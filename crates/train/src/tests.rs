//! Tests of the whole crate.

mod divergence;
mod fused_losses;
mod oracle;
