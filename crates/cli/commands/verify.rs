//! `wordmill verify`: reads everything and compares it with what it says of itself and of others.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    CsrShard, DiskStorage, FormatError, FrameFile, Kind, MatrixIndex, RunDir, StageRow, Storage,
    StripeFile, TensorReader, TileSection, TokenIndex, TokenShard, Vectors, WordListReader,
    WordTable, Words, read_file, read_remap, xxh3,
};

use crate::args::VerifyArgs;
use crate::ledger::Ledger;
use crate::wiring::import::IMPORT;

/// Cells of a tile read at a time.
const PIECE_CELLS: u64 = 1 << 16;

/// Checks run directories and files; prints every problem, then fails with the first.
pub fn run(args: &VerifyArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage);
    let mut first = None;
    let mut note = |problem: FormatError, out: &mut dyn Write| {
        let said = writeln!(out, "{problem}");
        first.get_or_insert(problem);
        said
    };
    for path in &args.paths {
        let dir = RunDir::new(Arc::clone(&storage), path);
        let is_run = storage.size(&dir.manifest()).ok().flatten().is_some();
        if !is_run {
            match verify_file(&storage, path) {
                Ok(_) => writeln!(out, "{}: whole", path.display())?,
                Err(problem) => note(problem, out)?,
            }
            continue;
        }
        let problems = verify_run(&dir, out)?;
        if problems.is_empty() {
            writeln!(out, "{}: whole", path.display())?;
        }
        for problem in problems {
            note(problem, out)?;
        }
    }
    first.map_or(Ok(()), |problem| Err(problem.into()))
}

/// Checks every file of the ledger and how they fit together.
fn verify_run(dir: &RunDir, out: &mut dyn Write) -> anyhow::Result<Vec<FormatError>> {
    let ledger = Ledger::open(dir)?;
    let mut problems = Vec::new();
    for row in &ledger.manifest().stages {
        let before = problems.len();
        verify_stage(dir, row, &mut problems);
        if problems.len() == before {
            writeln!(out, "{:<16} {} files whole", row.name, row.outputs.len())?;
        } else {
            let again = match row.name.as_str() {
                IMPORT => "import the counts again",
                _ => "run again: the pipeline goes on from this stage",
            };
            let name = &row.name;
            writeln!(out, "{name:<16} damaged; delete the files named below and {again}")?;
        }
    }
    if problems.is_empty() {
        problems.extend(cross_references(dir, &ledger).err());
    }
    Ok(problems)
}

fn verify_stage(dir: &RunDir, row: &StageRow, problems: &mut Vec<FormatError>) {
    for output in &row.outputs {
        let path = dir.path(&output.path);
        let size = dir.storage().size(&path).map_err(|e| FormatError::io(&path, "looking at", e));
        let checked = size.and_then(|size| match size {
            None => Err(FormatError::corrupt(&path, 0, "the file is missing")),
            Some(size) if size != output.bytes => {
                let what = format!("{size} bytes long, the ledger says {}", output.bytes);
                Err(FormatError::corrupt(&path, size.min(output.bytes), what))
            }
            Some(_) => verify_file(dir.storage(), &path),
        });
        match checked {
            Err(problem) => problems.push(problem),
            Ok(digest) if format!("{digest:016x}") != output.xxh3 => {
                let what = "it is whole, but not the file that the ledger lists";
                problems.push(FormatError::corrupt(&path, 0, what));
            }
            Ok(_) => {}
        }
    }
}

/// Reads a whole file of any kind and returns its digest.
fn verify_file(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    let frames = |kind: Kind| {
        let file = FrameFile::open(storage, path, kind)?;
        file.verify()?;
        Ok(file.digest())
    };
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("tok") => verify_tokens(storage, path),
        Some("words") => verify_words(storage, path),
        Some("bin") => frames(Kind::REMAP),
        Some("run") => frames(Kind::RUN),
        Some("cells") => frames(Kind::LOOSE),
        Some("tiles") => verify_tiles(storage, path),
        Some("safetensors") => verify_tensors(storage, path),
        Some("json") => {
            if TokenIndex::is_at(storage, path) {
                TokenIndex::read(storage, path)?;
            } else {
                MatrixIndex::read(storage, path)?;
            }
            Ok(xxh3(&read_file(storage, path, 1 << 30)?))
        }
        Some("tsv" | "jsonl") => Ok(xxh3(&read_file(storage, path, 1 << 40)?)),
        _ => {
            wordmill_query::describe(storage, path)?;
            let what = "its name does not end like one of wordmill's files";
            Err(FormatError::foreign(path, "a file that can be verified", what))
        }
    }
}

fn verify_tokens(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    let shard = TokenShard::open(storage, path)?;
    let (mut buffer, mut ids) = (Vec::new(), Vec::new());
    (0..shard.frames()).try_for_each(|frame| shard.read(frame, &mut buffer, &mut ids))?;
    Ok(shard.file().digest())
}

fn verify_words(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    let mut list = WordListReader::open(storage, path)?;
    let mut last: Option<Vec<u8>> = None;
    while list.advance()?.is_some() {
        if last.as_deref().is_some_and(|last| last >= list.word()) {
            return Err(FormatError::corrupt(path, 0, "its words are not in order"));
        }
        last = Some(list.word().to_vec());
    }
    Ok(list.file().digest())
}

fn verify_tiles(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    let stripe = StripeFile::open(storage, path)?;
    let mut cells = Vec::new();
    for column in 0..stripe.grid().grid {
        for section in [TileSection::Heavy, TileSection::Light] {
            let parts = stripe.parts((column, section), PIECE_CELLS);
            for part in 0..parts {
                cells.clear();
                stripe.segment((column, section), (part, parts), &mut cells)?;
            }
        }
    }
    Ok(stripe.file().digest())
}

fn verify_tensors(storage: &Arc<dyn Storage>, path: &Path) -> Result<u64, FormatError> {
    let reader = TensorReader::open(storage, path)?;
    match reader.index().metadata().get("kind").map(String::as_str) {
        Some("vectors") => Vectors::open(storage, path)?.verify()?,
        Some("vocabulary") => {
            WordTable::new(wordmill_formats::TensorFile::open(storage, path)?)?.verify()?;
        }
        Some("csr-shard") => CsrShard::open(storage, path)?.verify()?,
        _ => reader.verify()?,
    }
    Ok(reader.index().digest())
}

/// Vocabulary ↔ shards ↔ matrix ↔ tiles ↔ vectors.
fn cross_references(dir: &RunDir, ledger: &Ledger<'_>) -> Result<(), FormatError> {
    let storage = dir.storage();
    let has =
        |stage: &str| ledger.manifest().stage(stage).is_some_and(|row| !row.outputs.is_empty());
    // An import makes the files of both.
    let imported = has(IMPORT);
    if !has("vocabulary") && !imported {
        return Ok(());
    }
    let path = dir.vocabulary();
    let table = WordTable::new(wordmill_formats::TensorFile::open(storage, &path)?)?;
    let shards = match imported {
        true => Vec::new(),
        false => TokenIndex::read(storage, &dir.token_index())?.shards,
    };
    for row in shards {
        let shard = row.id;
        let tokens = TokenShard::open(storage, &dir.token_shard(shard))?;
        let words = WordListReader::open(storage, &dir.word_list(shard))?.words();
        let remap = read_remap(storage, &dir.remap(shard), table.len() as u32)?;
        let local = u64::from(tokens.local_words());
        if words != local || remap.len() as u64 != local {
            let what = format!("{local} words, its list has {words}, its remap {}", remap.len());
            return Err(FormatError::corrupt(&dir.token_shard(shard), 0, what));
        }
    }
    if has("merge") || imported {
        let index = MatrixIndex::read(storage, &dir.matrix_index())?;
        let vocabulary = format!("{:016x}", table.file().index().digest());
        if index.words as usize != table.len() || index.vocabulary != vocabulary {
            let what = "it was counted with another vocabulary";
            return Err(FormatError::corrupt(&dir.matrix_index(), 0, what));
        }
    }
    for row in &ledger.manifest().stages {
        let Some(name) = row.name.strip_prefix("train:") else {
            continue;
        };
        if row.outputs.is_empty() {
            continue;
        }
        let vectors = Vectors::open(storage, &dir.vectors(name))?;
        let same = (0..table.len()).all(|id| table.word(id) == vectors.words().word(id));
        if vectors.words().len() != table.len() || !same {
            let what = "its words are not those of the vocabulary";
            return Err(FormatError::corrupt(&dir.vectors(name), 0, what));
        }
    }
    Ok(())
}
