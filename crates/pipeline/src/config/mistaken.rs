//! Files that are named instead of a pipeline: texts, vectors, run directories. They are recognised by their content.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use wordmill_formats::Compression;
use wordmill_formats::compat::incoming::VectorForm;
use wordmill_formats::compat::stranger::Stranger;

use super::error::ConfigError;
use super::sections::NAMES;

/// No pipeline is as long as this.
const PIPELINE_BYTES_MAX: u64 = 4 << 20;
/// Bytes that tell what a file is.
const HEAD_BYTES: usize = 1 << 16;

/// Reads the text of a pipeline.
///
/// # Errors
/// A file that cannot be read; anything that is no pipeline, with the command for what it is.
pub(super) fn read_pipeline(path: &Path) -> io::Result<Result<String, ConfigError>> {
    let refuse = |what: String| {
        let what = format!("reading the pipeline: {what}");
        Ok(Err(ConfigError::new(path.display(), what)))
    };
    if path.as_os_str() == "-" {
        return refuse(format!("it has to be a file; {}", for_text(path, "a text through a pipe")));
    }
    if path.is_dir() {
        return refuse(of_folder(path));
    }
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(PIPELINE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let text = (bytes.len() as u64 <= PIPELINE_BYTES_MAX).then(|| std::str::from_utf8(&bytes).ok());
    let text = text.flatten().map(|text| text.trim_start_matches('\u{feff}'));
    let is_meant = |text: &&str| {
        path.extension().is_some_and(|ending| ending == "toml")
            || has_section(text)
            || text.parse::<toml::Table>().is_ok()
    };
    match text.filter(is_meant) {
        Some(text) => Ok(Ok(text.to_owned())),
        None => refuse(of_bytes(path, &bytes[..bytes.len().min(HEAD_BYTES)])),
    }
}

/// Whether a line begins a section, so that the text is a pipeline with a mistake.
fn has_section(text: &str) -> bool {
    let name = |line: &str| line.trim().strip_prefix('[')?.strip_suffix(']').map(str::to_owned);
    let mut names = text.lines().filter_map(name);
    names.any(|name| NAMES.contains(&name.trim_matches(['[', ']'])))
}

fn of_folder(path: &Path) -> String {
    let shown = path.display();
    match path.join("run.json").is_file() {
        true => format!(
            "this is a run directory; the command that began it goes on with it, `wordmill status {shown}` shows what is done"
        ),
        false => format!("this is a folder; {}", for_text(path, "the texts in it")),
    }
}

fn of_bytes(path: &Path, head: &[u8]) -> String {
    let shown = path.display();
    let first = head.trim_ascii_start().first();
    if let Some(packed) = Compression::of(head) {
        let what = format!("this is a file packed with {}, not a pipeline", packed.name());
        return format!("{what}; {}", for_text(path, "a text that is packed"));
    }
    let is_tensors = head.get(6..9) == Some(&[0, 0, b'{']);
    if VectorForm::of_head(head).is_some()
        || (is_tensors && Stranger::of_tensors_too(head).is_none())
    {
        return format!(
            "this is a file of vectors, not a pipeline; `wordmill info {shown}` says what is in it, `wordmill similar {shown} WORD` \
             asks it"
        );
    }
    if let Some(stranger) = Stranger::of_tensors_too(head) {
        return format!(
            "this is {}, not a pipeline; `wordmill init` writes a pipeline",
            stranger.what
        );
    }
    if first == Some(&b'{') || head.trim_ascii_start().starts_with(b"[{") {
        let train = for_text(path, "texts in fields of JSON");
        return format!("this is JSON, not a pipeline; {train}, with --set corpus.format=jsonl");
    }
    if head.contains(&0) {
        return "this is no text; `wordmill init` writes a pipeline".to_owned();
    }
    format!("this is a text, not a pipeline; {}", for_text(path, "it"))
}

/// How to train on a text.
fn for_text(path: &Path, what: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./+,@".contains(c);
    let name = path.display().to_string();
    let quoted = if name.chars().all(plain) { name.clone() } else { format!("'{name}'") };
    format!(
        "to train on {what}: `wordmill train {quoted} -o vectors.safetensors`, or with a pipeline.toml \
         `wordmill run --set corpus.inputs='[\"{name}\"]'`"
    )
}
