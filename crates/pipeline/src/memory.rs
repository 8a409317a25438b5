//! What the process itself takes of the memory budget.

use wordmill_flow::{Budget, own_resident_bytes};

/// What the program takes beside all that is reserved: its code, stacks, buffers of files, contexts
/// of zstd. 5 MiB were measured with two threads in the stages that take all they can get.
pub const PROGRAM_BYTES: u64 = 10 << 20;
/// Takes what earlier stages have left behind in the process out of the budget: memory that was given
/// back to the allocator, but not by it to the system. A sixteenth on top of that is for what the
/// system itself holds for the process, page tables and pages on their way to the disk: without it a
/// process in a memory cgroup of just `run.memory` was killed. Never more than a fifth, so that little
/// memory stays usable.
pub fn note_program(budget: &Budget) {
    let most = PROGRAM_BYTES.max(budget.total() / 5);
    budget.set_base((own_resident_bytes() + budget.total() / 16).clamp(PROGRAM_BYTES, most));
}
