//! How the files of a run fit together: vocabulary ↔ shards ↔ matrix ↔ tiles ↔ vectors.
//!
//! Each file has been verified alone before. Sums over cells are sums of hashes, so that two
//! orders of the same cells have the same sum.

use wordmill_formats::{
    CsrShardReader, FormatError, LINE_END, MatrixIndex, NO_WORD, RunDir, StripeFile, TensorFile,
    TokenIndex, TokenIndexRow, TokenShard, Vectors, WordListReader, WordTable, Words, counted,
    local_ids, read_remap,
};
use wordmill_kernels::random::finalize;
use wordmill_vocab::{MADE_OF, dedup, phrases, pieces};

use crate::artefacts::for_each_tile_piece;
use crate::ledger::Ledger;
use crate::stages::dedup::DUPLICATES;
use crate::stages::import::IMPORT;
use crate::stages::phrases::JOINED;
use crate::stages::pieces::TOKENIZER;

/// The stage that rebuilds what is wrong, and what is wrong.
pub type Problem = (String, FormatError);

/// Compares all finished stages with one another, and adds what does not fit.
pub fn check(dir: &RunDir, ledger: &Ledger<'_>, problems: &mut Vec<Problem>) {
    // A stage that waits to be rebuilt need not fit to those before it.
    let has = |stage: &str| {
        let row = ledger.manifest().stage(stage);
        row.is_some_and(|row| !row.outputs.is_empty() && !row.to_rebuild)
    };
    let mut note = |stage: &str, checked: Result<(), FormatError>| {
        problems.extend(checked.err().map(|error| (stage.to_owned(), error)));
    };
    for row in &ledger.manifest().stages {
        note(&row.name, check_row(dir, ledger, &row.name));
    }
    // An import makes the files of both.
    let imported = has(IMPORT);
    if !has("vocabulary") && !imported {
        return;
    }
    let table = match TensorFile::open(dir.storage(), &dir.vocabulary()).and_then(WordTable::new) {
        Ok(table) => table,
        Err(error) => return note("vocabulary", Err(error)),
    };
    if !imported {
        let row = ledger.manifest().stage("vocabulary").map(|row| &row.settings);
        let has = |key: &str| row.is_some_and(|settings| settings.contains_key(key));
        let made = [
            (has(DUPLICATES), dedup::FOLDER),
            (has(TOKENIZER), pieces::FOLDER),
            (has(JOINED), phrases::FOLDER),
        ];
        let mut from = dir.shards();
        for (_, folder) in made.into_iter().filter(|(is_there, _)| *is_there) {
            // Shards between two passes are gone.
            let row = ledger.manifest().stage(folder).map(|row| &row.settings);
            let passes = row.and_then(|settings| settings.get("phrases.passes"));
            if folder != phrases::FOLDER || passes.is_some_and(|passes| passes == "1") {
                note(folder, check_made(dir, folder, from));
            }
            from = folder;
        }
        let shards = dir.reading(from);
        note("vocabulary", check_shards(&shards, &table));
    }
    if has("merge") || imported {
        let merge = if imported { IMPORT } else { "merge" };
        match check_matrix(dir, &table) {
            Ok(sum) if has("shuffle") => note("shuffle", check_tiles(dir, ledger, sum)),
            other => note(merge, other.map(drop)),
        }
    }
    for row in &ledger.manifest().stages {
        if let Some(name) = row.name.strip_prefix("train:").filter(|_| has(&row.name)) {
            note(&row.name, check_vectors(dir, &table, (name, &row.fingerprint)));
        }
    }
}

/// The fingerprint of a stage is that of its settings, and so are the fingerprints in its inputs.
fn check_row(dir: &RunDir, ledger: &Ledger<'_>, name: &str) -> Result<(), FormatError> {
    let corrupt = |what: String| Err(FormatError::corrupt(&dir.manifest(), 0, what));
    let Some(row) = ledger.manifest().stage(name).filter(|row| !row.to_rebuild) else {
        return Ok(());
    };
    if row.fingerprint != ledger.fingerprint(name, &row.settings) {
        return corrupt(format!("the fingerprint of {name} is not that of its settings"));
    }
    for (input, stage) in [("input.cooccur", "cooccur"), ("input.tiles", "shuffle")] {
        let of_stage = ledger.manifest().stage(stage).map(|row| &row.fingerprint);
        if let (Some(wanted), Some(found)) = (row.settings.get(input), of_stage)
            && wanted != found
        {
            return corrupt(format!("{name} was made from another {stage} than is listed"));
        }
    }
    Ok(())
}

/// Each shard of a folder was built from the shard of the same chunk in another.
fn check_made(dir: &RunDir, folder: &str, from: &str) -> Result<(), FormatError> {
    let (storage, [made, source]) = (dir.storage(), [folder, from].map(|name| dir.reading(name)));
    for row in TokenIndex::read(storage, &made.token_index())?.shards {
        let tokens = TokenShard::open(storage, &source.token_shard(row.id))?;
        let words = WordListReader::open(storage, &source.word_list(row.id))?;
        let of = format!("{:016x} {:016x}", tokens.file().digest(), words.file().digest());
        let path = made.token_shard(row.id);
        let shard = TokenShard::open(storage, &path)?;
        if !shard.file().setting(MADE_OF).is_some_and(|made_of| made_of.ends_with(&of)) {
            let what = format!("it was built from another shard than the one in {from}");
            return Err(FormatError::corrupt(&path, 0, what));
        }
    }
    Ok(())
}

/// Tokens, word lists and remaps of all shards add up to the vocabulary.
fn check_shards(dir: &RunDir, table: &WordTable) -> Result<(), FormatError> {
    let index = TokenIndex::read(dir.storage(), &dir.token_index())?;
    let mut counts = vec![0u64; table.len()];
    for row in &index.shards {
        check_shard(dir, table, row, &mut counts)?;
    }
    match counts.iter().zip(table.counts()).position(|(found, listed)| found != listed) {
        None => Ok(()),
        Some(id) => {
            let (word, found, listed) = (table.text(id), counts[id], table.counts()[id]);
            let what =
                format!("{word:?} occurs {} in the shards, not {listed}", counted(found, "time"));
            Err(FormatError::corrupt(&dir.vocabulary(), 0, what))
        }
    }
}

/// A shard's tokens are as many as its list has of each word, and its remap leads to the same words.
fn check_shard(
    dir: &RunDir,
    table: &WordTable,
    row: &TokenIndexRow,
    counts: &mut [u64],
) -> Result<(), FormatError> {
    let (storage, path) = (dir.storage(), dir.token_shard(row.id));
    let shard = TokenShard::open(storage, &path)?;
    let remap = read_remap(storage, &dir.remap(row.id), table.len() as u32)?;
    let mut found = vec![0u64; shard.local_words() as usize];
    let (mut buffer, mut ids) = (Vec::new(), Vec::new());
    for frame in 0..shard.frames() {
        shard.read(frame, &mut buffer, &mut ids)?;
        ids.iter().filter(|&&id| id != LINE_END).for_each(|&id| found[id as usize] += 1);
    }
    let list = dir.word_list(row.id);
    let mut words = WordListReader::open(storage, &list)?;
    if words.words() != found.len() as u64 || remap.len() != found.len() {
        let (local, listed) = (found.len(), words.words());
        let what = format!("{local} words, its list has {listed}, its remap {}", remap.len());
        return Err(FormatError::corrupt(&path, 0, what));
    }
    let mut listed = Vec::new();
    while let Some(count) = words.advance()? {
        listed.push(count);
    }
    let numbers = local_ids(&listed);
    let mut words = WordListReader::open(storage, &list)?;
    for &local in &numbers {
        let count = words.advance()?.unwrap_or(0);
        let word = String::from_utf8_lossy(words.word());
        if found[local as usize] != count {
            let what =
                format!("{word:?} occurs {}, not {count}", counted(found[local as usize], "time"));
            return Err(FormatError::corrupt(&path, 0, what));
        }
        let id = remap[local as usize];
        if id != NO_WORD {
            if table.word(id as usize) != words.word() {
                let what = format!("{word:?} leads to {:?}", table.text(id as usize));
                return Err(FormatError::corrupt(&dir.remap(row.id), 0, what));
            }
            counts[id as usize] += count;
        }
    }
    Ok(())
}

/// A digest of all cells of a matrix, whatever their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CellSum {
    cells: u64,
    hash: u64,
}

impl CellSum {
    fn add(&mut self, row: u32, column: u32, weight: u64) {
        self.cells += 1;
        let place = u64::from(row) << 32 | u64::from(column);
        self.hash = self.hash.wrapping_add(finalize(finalize(place).wrapping_add(weight)));
    }
}

/// The matrix is of this vocabulary, its shards hold what the index says, and both halves are the same
/// where they should be.
fn check_matrix(dir: &RunDir, table: &WordTable) -> Result<CellSum, FormatError> {
    let path = dir.matrix_index();
    let index = MatrixIndex::read(dir.storage(), &path)?;
    let vocabulary = format!("{:016x}", table.file().index().digest());
    if index.words as usize != table.len() || index.vocabulary != vocabulary {
        let what = "it was counted with another vocabulary";
        return Err(FormatError::corrupt(&path, 0, what));
    }
    let (mut all, mut mirrored) = (CellSum::default(), CellSum::default());
    for row in &index.shards {
        let path = dir.path("matrix").join(&row.file);
        let shard = CsrShardReader::open(dir.storage(), &path)?;
        let (mut cells, mut weight) = (0u64, 0u64);
        let rows = row.first_row..row.first_row + row.rows;
        shard.for_each_piece(|at, columns, weights| {
            if !rows.contains(&at) || weights.contains(&0) {
                let what = format!("row {at} is not one of its rows, or has an empty cell");
                return Err(FormatError::corrupt(&path, 0, what));
            }
            cells += columns.len() as u64;
            for (&column, &of_cell) in columns.iter().zip(weights) {
                weight = weight.wrapping_add(of_cell);
                all.add(at, column, of_cell);
                mirrored.add(column, at, of_cell);
            }
            Ok(())
        })?;
        if (cells, weight, format!("{:016x}", shard.digest()))
            != (row.cells, row.weight, row.xxh3.clone())
        {
            let what = format!("{cells} cells of weight {weight} are not what the index says");
            return Err(FormatError::corrupt(&path, 0, what));
        }
    }
    let both = index.settings.get("cooccur.symmetric").is_some_and(|it| it == "true");
    if both && all != mirrored {
        return Err(FormatError::corrupt(&path, 0, "its two halves are not the same"));
    }
    Ok(all)
}

/// The tiles hold the cells of the matrix, each once.
fn check_tiles(dir: &RunDir, ledger: &Ledger<'_>, matrix: CellSum) -> Result<(), FormatError> {
    let row = ledger.manifest().stage("shuffle").expect("asked for before");
    let mut tiles = CellSum::default();
    for output in &row.outputs {
        let path = dir.path(&output.path);
        let stripe = StripeFile::open(dir.storage(), &path)?;
        if stripe.file().setting("fingerprint") != Some(&row.fingerprint) {
            let what = "it was made with other settings than run.json lists";
            return Err(FormatError::corrupt(&path, 0, what));
        }
        let grid = stripe.grid().grid;
        for_each_tile_piece(&stripe, |column, cells| {
            for cell in cells {
                let row = cell.row * grid + stripe.stripe();
                tiles.add(row, cell.column * grid + column, cell.payload);
            }
            Ok(())
        })?;
    }
    match tiles == matrix {
        true => Ok(()),
        false => {
            let (found, wanted) = (tiles.cells, matrix.cells);
            let what = format!(
                "the tiles do not hold the cells of the matrix: {found} cells, the matrix has {wanted}"
            );
            Err(FormatError::corrupt(&dir.path("tiles"), 0, what))
        }
    }
}

/// The vectors are of the words of the vocabulary, and made with the settings that are listed.
fn check_vectors(
    dir: &RunDir,
    table: &WordTable,
    (name, fingerprint): (&str, &str),
) -> Result<(), FormatError> {
    let path = dir.vectors(name);
    let vectors = Vectors::open(dir.storage(), &path)?;
    let words = vectors.words();
    let same = words.len() == table.len()
        && words.counts() == table.counts()
        && (0..table.len()).all(|id| table.word(id) == words.word(id));
    if !same {
        let what = "its words are not those of the vocabulary";
        return Err(FormatError::corrupt(&path, 0, what));
    }
    if vectors.settings().get("fingerprint").map(String::as_str) != Some(fingerprint) {
        let what = "it was made with other settings than run.json lists";
        return Err(FormatError::corrupt(&path, 0, what));
    }
    Ok(())
}
