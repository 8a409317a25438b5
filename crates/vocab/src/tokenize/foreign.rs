//! Texts that go on in another encoding than they begin with.

use wordmill_formats::{agree, counted};
use wordmill_text::encoding::are_most_foreign;
use wordmill_text::{Input, MostlyForeign};

use crate::error::VocabError;
use crate::shard::ShardRow;

/// Refuses an input that begins as it should and then has more lines of another encoding than a good text has.
pub(super) fn check_encoding(
    input: &Input,
    number: u32,
    rows: &[Vec<ShardRow>],
) -> Result<(), VocabError> {
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
    Err(input.error("reading text", problem, way_out).into())
}
