//! The memory for unpacking inputs, and advice if there is too little.

use std::cmp::Reverse;

use super::source::Input;

/// Memory for unpacking the inputs that need the most, one for each worker.
#[must_use]
pub fn unpacking_bytes(inputs: &[Input], workers: usize) -> Vec<u64> {
    let mut each: Vec<u64> = inputs.iter().map(Input::unpacker_bytes).collect();
    each.sort_unstable_by_key(|bytes| Reverse(*bytes));
    each.truncate(workers);
    each
}

/// The input whose unpacking needs the most memory, and how much; `None` if nothing is packed.
#[must_use]
pub fn greediest(inputs: &[Input]) -> Option<(&Input, u64)> {
    let each = inputs.iter().map(|input| (input, input.unpacker_bytes()));
    each.filter(|(_, bytes)| *bytes > 0).max_by_key(|(_, bytes)| *bytes)
}

/// Advice if unpacking an input needs too much memory, to be appended to other advice.
#[must_use]
pub fn unpack_first(input: &Input) -> String {
    let command = input.unpacker().unwrap_or("zstd -dc --long=31");
    let name = &input.name;
    format!(
        ", or unpack it with a pipe: {command} {name} | wordmill run --set 'corpus.inputs=[\"-\"]'"
    )
}
