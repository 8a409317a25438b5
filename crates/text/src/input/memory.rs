//! The memory that unpacking inputs takes, and what helps where there is too little.

use std::cmp::Reverse;

use super::source::Input;

/// Memory that unpacking takes of each of the greediest inputs, one for a worker.
#[must_use]
pub fn unpacking_bytes(inputs: &[Input], workers: usize) -> Vec<u64> {
    let mut each: Vec<u64> = inputs.iter().map(Input::unpacker_bytes).collect();
    each.sort_unstable_by_key(|bytes| Reverse(*bytes));
    each.truncate(workers);
    each
}

/// The input whose unpacking takes the most memory, and how much; none if nothing is packed.
#[must_use]
pub fn greediest(inputs: &[Input]) -> Option<(&Input, u64)> {
    let each = inputs.iter().map(|input| (input, input.unpacker_bytes()));
    each.filter(|(_, bytes)| *bytes > 0).max_by_key(|(_, bytes)| *bytes)
}

/// What helps where an input takes too much memory to be unpacked, to be put behind other advice.
#[must_use]
pub fn unpack_first(input: &Input) -> String {
    let command = input.unpacker().unwrap_or("zstd -dc --long=31");
    let name = &input.name;
    format!(
        ", or unpack it with a pipe: {command} {name} | wordmill run --set 'corpus.inputs=[\"-\"]'"
    )
}
