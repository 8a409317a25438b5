//! Tests of the room as a whole.

mod divergence;
mod fused_losses;
mod oracle;
