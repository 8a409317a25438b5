//! What is said of inputs around their reading: the memory that unpacking takes, and texts that go on in another encoding.

use std::cmp::Reverse;
use wordmill_formats::{agree, counted};

use crate::encoding::are_most_foreign;
use crate::error::CorpusError;
use crate::input::Input;
use crate::records::MostlyForeign;
use crate::shard::ShardRow;

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

/// Refuses an input that begins as it should and then has more lines of another encoding than a good text has.
pub(super) fn check_encoding(
    input: &Input,
    number: u32,
    rows: &[Vec<ShardRow>],
) -> Result<(), CorpusError> {
    if input.records.mostly_foreign == MostlyForeign::Accept {
        return Ok(());
    }
    let (mut lines, mut foreign) = (0, 0);
    for row in rows.iter().flatten().filter(|row| row.id.input == number) {
        lines += row.counts.lines;
        foreign += row.counts.foreign_lines;
    }
    if !are_most_foreign(foreign, lines, foreign) {
        return Ok(());
    }
    let name = input.records.encoding.name().to_uppercase();
    let problem = format!(
        "{foreign} of its {} {} not {name}, though it begins so",
        counted(lines, "line"),
        agree(foreign, "is", "are")
    );
    let way_out =
        "convert those parts, or set corpus.invalid_utf8 to \"skip\" to leave such lines out";
    Err(input.error("reading text", problem, way_out))
}
