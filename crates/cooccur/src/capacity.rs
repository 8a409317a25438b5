//! What a stage has to divide among its workers.

/// Memory and threads that are left for a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes of the budget that nothing else has reserved.
    pub bytes: u64,
    /// Threads.
    pub threads: u64,
}

impl Capacity {
    /// What a context has left.
    pub(crate) fn of(ctx: &wordmill_flow::Context) -> Self {
        Self { bytes: ctx.budget.left(), threads: ctx.threads as u64 }
    }
}
