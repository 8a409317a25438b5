//! Describes a file. Its first bytes decide what it is, never its name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use wordmill_formats::compat::incoming::{VectorFile, VectorForm};
use wordmill_formats::compat::stranger::Stranger;
use wordmill_formats::{
    Dtype, FormatError, FrameFile, Kind, Manifest, MatrixIndex, RunDir, Storage, TensorReader,
    TokenIndex, Vectors, Words, counted, read_file,
};

use crate::spread::Spread;

const KINDS: [Kind; 9] = [
    Kind::TOKENS,
    Kind::WORDS,
    Kind::REMAP,
    Kind::RUN,
    Kind::TILES,
    Kind::SLOTS,
    Kind::LOOSE,
    Kind::HASHES,
    Kind::DROPPED,
];
/// First bytes of texts in columns: models of pieces and lists of phrases.
const TEXT_MAGIC: &[u8] = b"#wordmill-";
/// Length of the longest prefix that is examined.
const TEXT_BYTES_MAX: u64 = 8 << 30;
/// How many words of a vocabulary are shown.
const WORDS_SHOWN: usize = 10;

/// The description of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// The file.
    pub path: PathBuf,
    /// Its kind, in words.
    pub what: String,
    /// Its length in bytes; for a run directory, the length of all files that its ledger lists.
    pub bytes: u64,
    /// Shapes and counts, in reading order.
    pub facts: Vec<(String, String)>,
    /// The spread of each matrix of a vectors file.
    pub spreads: Vec<(String, Spread)>,
    /// The settings that it was made with.
    pub settings: BTreeMap<String, String>,
}

/// Describes a file or a run directory.
///
/// # Errors
/// [`FormatError::Foreign`] for a file that wordmill neither wrote nor can convert, and any error of a
/// file that it did write.
pub fn describe(storage: &Arc<dyn Storage>, path: &Path) -> Result<Description, FormatError> {
    let run = RunDir::new(Arc::clone(storage), path);
    if has(storage, &run.manifest()) {
        return describe_json(storage, &run.manifest());
    }
    if has(storage, &path.join("index.json")) {
        return describe_json(storage, &path.join("index.json"));
    }
    let stranger = Stranger::at(storage, path)?;
    if let Some(stranger) = stranger.as_ref().filter(|stranger| !stranger.is_tensors()) {
        return Err(stranger.error(path));
    }
    let file = storage.open(path).map_err(|e| FormatError::io(path, "opening", e))?;
    let mut head = [0u8; 12];
    let held = usize::try_from(file.len()).unwrap_or(usize::MAX).min(head.len());
    let read = file.read_exact_at(0, &mut head[..held]);
    read.map_err(|e| FormatError::io(path, "reading", e))?;
    match &head {
        [b'w', b'm', b'f', b'r', b'a', b'm', b'e', b'\n', kind @ ..] => {
            let known = KINDS.into_iter().find(|known| known.name == *kind);
            let name = String::from_utf8_lossy(kind);
            let known = known.ok_or_else(|| {
                let what = format!("its kind is {name:?}");
                FormatError::foreign(path, "a framed file of a known kind", what)
            })?;
            match FrameFile::open(storage, path, known) {
                Err(FormatError::Version { found, .. }) if found < u64::from(known.version) => {
                    let older = Kind { version: found as u32, ..known };
                    frames(&FrameFile::open(storage, path, older)?, older)
                }
                file => frames(&file?, known),
            }
        }
        // The first byte of a safetensors file is the lowest one of the header's length. If it is
        // `{`, the length is 123 plus a multiple of 256, and the ninth byte is a brace.
        [b'{', rest @ ..] if rest[7] != b'{' => describe_json(storage, path),
        _ if head.starts_with(TEXT_MAGIC) => text(storage, path),
        _ if VectorForm::of(storage, path)?.is_some() => foreign(storage, path),
        _ if held < 9 || head[8] != b'{' => {
            let what = "its first bytes are those of no tensor file, framed file or index";
            Err(FormatError::foreign(path, "a file that wordmill knows", what))
        }
        // What they are is known; their elements may be of types that are not.
        _ => tensors(storage, path).map_err(|error| match (error, stranger) {
            (FormatError::Foreign { .. }, Some(stranger)) => stranger.error(path),
            (error, _) => error,
        }),
    }
}

/// Vectors of another program: only their header is read.
fn foreign(storage: &Arc<dyn Storage>, path: &Path) -> Result<Description, FormatError> {
    let file = VectorFile::open(storage, path)?;
    let bytes = storage.size(path).ok().flatten().unwrap_or(0);
    let mut about = Description::new(path, file.form().what(), bytes);
    about.fact("words", file.rows().map_or("not said".into(), |rows| rows.to_string()));
    about.fact("dim", file.dim());
    if file.form() == VectorForm::Npy {
        about.fact("words are in", VectorFile::names_path(path).display());
    }
    Ok(about)
}

/// A text in columns. Its header lines are `#key<TAB>value`.
fn text(storage: &Arc<dyn Storage>, path: &Path) -> Result<Description, FormatError> {
    let bytes = read_file(storage, path, TEXT_BYTES_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    let is_phrases = text.starts_with("#wordmill-phrases");
    let what = if is_phrases { "a list of phrases" } else { "a model of subwords" };
    let mut about = Description::new(path, what, bytes.len() as u64);
    let mut rows = text.lines().peekable();
    while let Some(head) = rows.next_if(|row| row.starts_with('#') && row.contains('\t')) {
        let (key, value) = head[1..].split_once('\t').unwrap_or_default();
        match key.strip_prefix("wordmill-") {
            Some(_) if is_phrases => about.fact("version", value),
            Some(_) => about.fact("learner, version", value.replace('\t', ", ")),
            None => about.fact(&key.replace('-', " "), value),
        }
        if key == "made-of" {
            break;
        }
    }
    about.fact("rows", rows.filter(|row| !row.is_empty()).count());
    Ok(about)
}

fn token_index(storage: &Arc<dyn Storage>, path: &Path) -> Result<Description, FormatError> {
    let index = TokenIndex::read(storage, path)?;
    let bytes = storage.size(path).ok().flatten().unwrap_or(0);
    let mut about = Description::new(path, "the index of the token shards of a corpus", bytes);
    about.fact("shards", index.shards.len());
    let of = |key: &str| index.shards.iter().filter_map(|row| row.counts.get(key)).sum::<u64>();
    ["bytes", "lines", "tokens"].into_iter().for_each(|key| about.fact(key, of(key)));
    Ok(about)
}

fn has(storage: &Arc<dyn Storage>, path: &Path) -> bool {
    matches!(storage.size(path), Ok(Some(_)))
}

fn describe_json(storage: &Arc<dyn Storage>, path: &Path) -> Result<Description, FormatError> {
    if path.file_name().is_some_and(|name| name == "run.json") {
        let ledger = Manifest::read(storage, path)?.ok_or_else(|| {
            FormatError::corrupt(path, 0, "it vanished while it was being looked at")
        })?;
        return Ok(manifest(path, &ledger));
    }
    if TokenIndex::is_at(storage, path) {
        return token_index(storage, path);
    }
    let index = MatrixIndex::read(storage, path)?;
    let bytes = storage.size(path).ok().flatten().unwrap_or(0);
    let mut about =
        Description::new(path, "a co-occurrence matrix, the index of its shards", bytes);
    about.fact("shape", format!("{0} x {0}", index.words));
    about.fact("cells", index.cells);
    about.fact("weight", index.weight as f64 / index.unit.max(1) as f64);
    about.fact("unit of weight", format!("1/{}", index.unit));
    about.fact("shards", index.shards.len());
    about.settings = index.settings;
    Ok(about)
}

fn manifest(path: &Path, ledger: &Manifest) -> Description {
    let outputs = ledger.stages.iter().flat_map(|stage| &stage.outputs);
    let bytes = outputs.map(|output| output.bytes).sum();
    let mut about = Description::new(path, "the ledger of a run directory", bytes);
    about.fact("written by", &ledger.program);
    for stage in &ledger.stages {
        let state = format!("{:?}", stage.state).to_lowercase();
        let (files, seconds) = (stage.outputs.len(), stage.seconds);
        about.fact(
            &stage.name,
            format!("{state}, {}, {seconds:.1} s", counted(files as u64, "file")),
        );
    }
    about
}

fn frames(file: &FrameFile, kind: Kind) -> Result<Description, FormatError> {
    let mut about = Description::new(file.path(), kind.what, file.bytes());
    about.fact("version", kind.version);
    about.fact("frames", file.entries().len());
    about.fact("items", file.items());
    let raw: u64 = file.entries().iter().map(|entry| u64::from(entry.raw_bytes)).sum();
    about.fact("unpacked bytes", raw);
    about.settings = file.settings().clone();
    Ok(about)
}

fn tensors(storage: &Arc<dyn Storage>, path: &Path) -> Result<Description, FormatError> {
    let reader = TensorReader::open(storage, path)?;
    let index = reader.index();
    let kind = index.metadata().get("kind").map_or("", String::as_str);
    let what = match kind {
        "vectors" => "word vectors".to_owned(),
        crate::export::packed::KIND => "word vectors in f16 or int8".to_owned(),
        "vocabulary" => "a vocabulary".to_owned(),
        "csr-shard" => "a shard of a co-occurrence matrix".to_owned(),
        "" => "a safetensors file that wordmill did not write".to_owned(),
        other => format!("a tensor file of the kind {other:?}"),
    };
    let bytes = storage.size(path).ok().flatten().unwrap_or(0);
    let mut about = Description::new(path, what, bytes);
    for (name, info) in index.tensors() {
        let shape: Vec<String> = info.shape.iter().map(u64::to_string).collect();
        let (dtype, shape) = (format!("{:?}", info.dtype).to_lowercase(), shape.join(" x "));
        about.fact(name, format!("{dtype:<4} {shape:<16} {:>10}", human(info.bytes)));
    }
    let ours = |key: &str| key != "kind" && key != "version" && !key.starts_with("xxh3.");
    let settings = index.metadata().iter().filter(|(key, _)| ours(key));
    about.settings = settings.map(|(key, value)| (key.clone(), value.clone())).collect();
    if kind == "vectors" {
        spreads(&Vectors::open(storage, path)?, &mut about);
    }
    Ok(about)
}

/// The spread of every matrix, and the most frequent words.
fn spreads(vectors: &Vectors, about: &mut Description) {
    let words = vectors.words();
    let shown = (0..words.len().min(WORDS_SHOWN)).map(|id| words.text(id).into_owned());
    about.fact("most frequent", shown.collect::<Vec<_>>().join(" "));
    for (name, info) in words.file().index().tensors() {
        let matrix = (info.dtype == Dtype::F32).then(|| vectors.matrix(name)).flatten();
        let spread = matrix.and_then(|matrix| Spread::of(matrix, info.shape[1] as usize));
        about.spreads.extend(spread.map(|spread| (name.clone(), spread)));
    }
}

impl Description {
    fn new(path: &Path, what: impl Into<String>, bytes: u64) -> Self {
        Self {
            path: path.to_path_buf(),
            what: what.into(),
            bytes,
            facts: Vec::new(),
            spreads: Vec::new(),
            settings: BTreeMap::new(),
        }
    }

    fn fact(&mut self, name: &str, value: impl ToString) {
        self.facts.push((name.to_owned(), value.to_string()));
    }
}

/// Formats bytes in the largest unit of which there is at least one.
fn human(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut at) = (bytes as f64, 0);
    while value >= 1024.0 && at + 1 < units.len() {
        (value, at) = (value / 1024.0, at + 1);
    }
    let digits = usize::from(at > 0 && value < 99.95);
    format!("{value:.digits$} {}", units[at])
}

impl fmt::Display for Description {
    /// Makes columns as wide as their widest entry.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = human(self.bytes);
        let exact =
            if self.bytes < 1024 { String::new() } else { format!(" ({} bytes)", self.bytes) };
        writeln!(out, "{}: {}, {size}{exact}", self.path.display(), self.what)?;
        let wide = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|name| name.chars().count()).max().unwrap_or(0)
        };
        let width = wide(&mut self.facts.iter().map(|(name, _)| name)) + 1;
        for (name, value) in &self.facts {
            writeln!(out, "  {:<width$} {value}", format!("{name}:"))?;
        }
        if !self.spreads.is_empty() {
            let width = wide(&mut self.spreads.iter().map(|(name, _)| name)).max(7);
            let head = ["mean", "deviation", "least", "most", "shortest", "mean length", "longest"];
            write!(out, "spread:\n  {:<width$}", "")?;
            head.iter().try_for_each(|title| write!(out, " {title:>11}"))?;
            writeln!(out)?;
            for (name, it) in &self.spreads {
                write!(out, "  {name:<width$}")?;
                let numbers = [it.mean, it.deviation, f64::from(it.least), f64::from(it.most)];
                let lengths = [it.norm_least, it.norm_mean, it.norm_most];
                let all = numbers.into_iter().chain(lengths);
                all.into_iter().try_for_each(|number| write!(out, " {number:>11.4}"))?;
                if it.zero_rows > 0 {
                    write!(out, "; zero: {}", counted(it.zero_rows, "row"))?;
                }
                if it.not_finite > 0 {
                    write!(out, "; {} NUMBERS ARE NOT FINITE", it.not_finite)?;
                }
                writeln!(out)?;
            }
        }
        if !self.settings.is_empty() {
            writeln!(out, "settings:")?;
        }
        let width = wide(&mut self.settings.keys());
        for (key, value) in &self.settings {
            writeln!(out, "  {key:<width$} = {value}")?;
        }
        Ok(())
    }
}
