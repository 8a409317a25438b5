//! Finished files as the ledger lists them, and what was left out of them.

use std::io;
use std::path::Path;

use wordmill_flow::Context;
use wordmill_formats::{
    FormatError, MatrixIndex, Published, RunDir, StripeFile, agree, counted, read_file, xxh3,
};
use wordmill_text as text;
use wordmill_vocab as vocab;

use wordmill_text::InvalidUtf8;

use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::stage::Settings;

/// Says what was left out of the text: nothing is lost in silence.
pub(super) fn report_losses(ctx: &Context, config: &Config, shards: &vocab::TokenShards) {
    let totals = shards.totals();
    let text::RecordCounts { records, broken } = shards.records();
    if broken > 0 {
        let text = format!(
            "tokenize: {broken} of {} {} broken and {} left out",
            counted(records, "record"),
            agree(broken, "is", "are"),
            agree(broken, "was", "were")
        );
        ctx.progress.warn(&text);
    }
    if totals.invalid_lines > 0 {
        let what = match config.corpus.lines.invalid_utf8 {
            InvalidUtf8::Skip => "were skipped",
            _ => "had their bad bytes replaced",
        };
        let lines = totals.invalid_lines;
        let name = config.corpus.encoding.name().to_uppercase();
        ctx.progress.warn(&format!(
            "tokenize: {} {} not {name} and {what}",
            counted(lines, "line"),
            agree(lines, "is", "are")
        ));
    }
    if totals.stop_words > 0 {
        let words = totals.stop_words;
        ctx.progress.say(&format!("tokenize: left out as stop words: {}", counted(words, "token")));
    }
    if totals.overlong_words > 0 {
        let (words, bytes) = (totals.overlong_words, totals.overlong_bytes);
        let text = format!(
            "tokenize: left out as longer than 1 MiB: {}, {bytes} bytes",
            counted(words, "word")
        );
        ctx.progress.warn(&text);
    }
}

/// Says which lines of a list are no words.
pub(super) fn report_list(ctx: &Context, key: &str, list: Option<&text::WordSet>) {
    if let Some((lines, first)) = list.map(text::WordSet::left_out).filter(|(n, _)| *n > 0) {
        let lines = counted(lines, "line");
        let what = "left out as not one word for the tokenizer, the first";
        ctx.progress.warn(&format!("{key}: {lines} {what} {first:?}"));
    }
}

/// What was counted for the vocabulary; says what its settings have left out.
pub(super) fn report_words(
    ctx: &Context,
    config: &vocab::VocabularyJob,
    counts: &vocab::VocabularyCounts,
) -> Vec<(&'static str, u64)> {
    let mut rows = counts.rows().to_vec();
    for vocab::LeftOut { key, list, count, tokens } in config.left_out(counts) {
        report_list(ctx, key, list);
        let all = counted(counts.tokens, "token");
        ctx.progress.say(&format!("vocabulary: {key} left out {tokens} of {all}"));
        rows.push((count, tokens));
    }
    rows
}

/// The value of a setting that names a file: a digest of its contents.
pub(super) fn content(path: &Path) -> io::Result<String> {
    Ok(content_of(xxh3(&text::read_list(path)?)))
}

/// The value of a setting for a file with this digest.
fn content_of(digest: u64) -> String {
    format!("xxh3 {digest:016x}")
}

/// Fails unless the file that a setting names held, when its stage read it, what the settings of the stage say: hours may lie
/// between.
pub(super) fn check_content(
    stage: &Settings,
    (key, prefix): (&str, &str),
    digest: Option<u64>,
) -> Result<(), ConfigError> {
    let Some(digest) = digest else { return Ok(()) };
    if stage.get(key) == Some(&format!("{prefix}{}", content_of(digest))) {
        return Ok(());
    }
    Err(ConfigError::new(key, "its file has changed since this run began; run again"))
}

pub(super) fn published(stripe: &StripeFile) -> Published {
    let file = stripe.file();
    Published { path: file.path().to_path_buf(), bytes: file.bytes(), xxh3: file.digest() }
}

pub(super) fn open_stripes(
    dir: &RunDir,
    folder: &str,
    grid: u32,
) -> Result<Vec<StripeFile>, FormatError> {
    (0..grid).map(|stripe| StripeFile::open(dir.storage(), &dir.stripe(folder, stripe))).collect()
}

pub(super) fn matrix_outputs(dir: &RunDir, index: &MatrixIndex) -> Result<Vec<Published>, Error> {
    let mut outputs = Vec::new();
    for shard in &index.shards {
        let path = dir.path("matrix").join(&shard.file);
        let size =
            dir.storage().size(&path).map_err(|e| FormatError::io(&path, "looking at", e))?;
        let xxh3 = u64::from_str_radix(&shard.xxh3, 16).unwrap_or(0);
        outputs.push(Published { path, bytes: size.unwrap_or(0), xxh3 });
    }
    let path = dir.matrix_index();
    let bytes = dir.storage().size(&path).map_err(|e| FormatError::io(&path, "looking at", e))?;
    let xxh3 = u64::from_str_radix(&file_digest(dir, &path)?, 16).unwrap_or(0);
    outputs.push(Published { path, bytes: bytes.unwrap_or(0), xxh3 });
    Ok(outputs)
}

pub(super) fn file_digest(dir: &RunDir, path: &Path) -> Result<String, FormatError> {
    Ok(format!("{:016x}", xxh3(&read_file(dir.storage(), path, 1 << 30)?)))
}
