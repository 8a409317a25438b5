//! Optimisers: how gradients become steps, and how the rate falls.

pub mod steps;
