//! Golden files without their own checksums: the index of a matrix, the ledger, and formats of
//! other programs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::compat::market::{MarketWriter, Symmetry};
use wordmill_formats::compat::npz::{NpyType, NpzWriter};
use wordmill_formats::compat::{Rows, glove, word2vec};
use wordmill_formats::{
    FormatError, IndexedFile, Manifest, MatrixIndex, MemoryStorage, OutputRow, PipelineSource,
    ShardId, StageRow, StageState, Storage, TokenIndex, TokenIndexRow, Words, read_file,
};

use super::tensors::{DIM, Known, NARROW_SHARD, WIDE_SHARD, word_vectors, write_shard};
use super::{Golden, Made};

/// The index of the two golden shards.
pub const INDEX: Golden = Golden {
    name: "index.json",
    made: Made::Json,
    write: |storage, path| index().write(storage, path).map(drop),
    read: |storage, path| MatrixIndex::read(storage, path).map(|index| format!("{index:?}")),
    holds: || format!("{:?}", index()),
};

/// The index of two token shards.
pub const TOKEN_INDEX: Golden = Golden {
    name: "token-index.json",
    made: Made::Json,
    write: |storage, path| token_index().write(storage, path).map(drop),
    read: |storage, path| TokenIndex::read(storage, path).map(|index| format!("{index:?}")),
    holds: || format!("{:?}", token_index()),
};

/// A ledger with a finished stage and one that has begun.
pub const LEDGER: Golden = Golden {
    name: "run.json",
    made: Made::Json,
    write: |storage, path| Manifest { version: 1, ..ledger() }.write(storage, path).map(drop),
    read: |storage, path| Manifest::read(storage, path).map(|ledger| format!("{ledger:?}")),
    holds: || format!("{:?}", Some(ledger())),
};

/// The same with the configuration of the run, and a stage that is to be rebuilt.
pub const RESOLVED_LEDGER: Golden = Golden {
    name: "run-v2.json",
    write: |storage, path| resolved_ledger().write(storage, path).map(drop),
    holds: || format!("{:?}", Some(resolved_ledger())),
    ..LEDGER
};

/// Binary vectors of word2vec.
pub const WORD2VEC_BINARY: Golden = Golden {
    name: "vectors.word2vec",
    made: Made::Plain,
    write: |storage, path| export(|rows| word2vec::write_binary(storage, path, rows)),
    read: |storage, path| read_whole(storage, path, parse_binary),
    holds: || format!("{:?} {:?}", Some((Known.len(), DIM)), exported()),
};

/// Text vectors of word2vec.
pub const WORD2VEC_TEXT: Golden = Golden {
    name: "vectors.word2vec.txt",
    made: Made::Plain,
    write: |storage, path| export(|rows| word2vec::write_text(storage, path, rows)),
    read: |storage, path| read_whole(storage, path, |bytes| parse_text(bytes, true)),
    holds: || format!("{:?} {:?}", Some((Known.len(), DIM)), exported()),
};

/// Text vectors of GloVe.
pub const GLOVE_TEXT: Golden = Golden {
    name: "vectors.glove.txt",
    made: Made::Plain,
    write: |storage, path| export(|rows| glove::write_text(storage, path, rows)),
    read: |storage, path| read_whole(storage, path, |bytes| parse_text(bytes, false)),
    holds: || format!("{:?} {:?}", None::<(usize, usize)>, exported()),
};

/// An archive of NumPy; its content was compared with what NumPy reads.
pub const NPZ: Golden = Golden {
    name: "counts.npz",
    made: Made::Plain,
    write: |storage, path| {
        let mut npz = NpzWriter::create(storage, path)?;
        npz.array("format", NpyType::Text3, &[], b"csr")?;
        npz.array("data", NpyType::F64, &[2], &[0.1, 1e300])?;
        npz.array("half", NpyType::F32, &[1], &[0.5f32])?;
        npz.array("indices", NpyType::I32, &[2], &[7u32, 1 << 30])?;
        npz.array("indptr", NpyType::I64, &[3], &[0u64, 1, 1 << 40])?;
        npz.finish().map(drop)
    },
    read: |storage, path| {
        // Stored arrays are in the file unchanged, 128 bytes after their magic number.
        let bytes = read_file(storage, path, 1 << 16)?;
        let starts = bytes.windows(6).enumerate().filter(|(_, six)| six == b"\x93NUMPY");
        let first = |(at, _)| format!("{:02x?} ", &bytes[at + 128..at + 131]);
        Ok(starts.map(first).collect())
    },
    holds: || {
        let firsts = [b"csr", &[0x9a, 0x99, 0x99], &[0, 0, 0], &[7, 0, 0], &[0, 0, 0]];
        firsts.map(|first| format!("{first:02x?} ")).concat()
    },
};

/// A matrix in MatrixMarket's format.
pub const MARKET: Golden = Golden {
    name: "counts.mtx",
    made: Made::Plain,
    write: |storage, path| {
        let comments = ["window = 5".to_owned(), "two\nlines".to_owned()];
        let symmetry = Symmetry::Symmetric;
        let mut file = MarketWriter::create(storage, path, symmetry, &comments, 3, 2)?;
        file.entry(1, 0, 0.1)?;
        file.entry(2, 2, 12345.0)?;
        file.finish().map(drop)
    },
    read: read_text,
    holds: || {
        "%%MatrixMarket matrix coordinate real symmetric\n% window = 5\n% two lines\n3 3 2\n\
         2 1 0.1\n3 3 12345\n"
            .to_owned()
    },
};

/// GloVe's list of words.
pub const GLOVE_VOCABULARY: Golden = Golden {
    name: "vocab.txt",
    made: Made::Plain,
    write: |storage, path| {
        glove::VocabularyWriter::create(storage, path, &Known)?.finish().map(drop)
    },
    read: read_text,
    holds: || {
        let line = |(id, count)| format!("{} {count}\n", String::from_utf8_lossy(Known.word(id)));
        Known.counts().iter().enumerate().map(line).collect()
    },
};

/// GloVe's counts.
pub const GLOVE_COUNTS: Golden = Golden {
    name: "cooccurrence.bin",
    made: Made::Plain,
    write: |storage, path| {
        let mut file = glove::CountsWriter::create(storage, path, 300)?;
        COUNTED.iter().try_for_each(|&(row, column, weight)| file.record(row, column, weight))?;
        file.finish().map(drop)
    },
    read: |storage, path| {
        let bytes = read_file(storage, path, 1 << 16)?;
        let records = bytes.chunks(glove::RECORD_BYTES);
        let parse = |record: &[u8]| glove::parse_record(record.try_into().expect("whole records"));
        Ok(format!("{:?}", records.map(parse).collect::<Vec<_>>()))
    },
    holds: || "[(1, 1, 0.1), (1, 300, 1.5), (257, 2, 1e300)]".to_owned(),
};

const COUNTED: [(u32, u32, f64); 3] = [(0, 0, 0.1), (0, 299, 1.5), (256, 1, 1e300)];

fn read_text(storage: &Arc<dyn Storage>, path: &Path) -> Result<String, FormatError> {
    Ok(String::from_utf8(read_file(storage, path, 1 << 16)?).expect("text"))
}

fn index() -> MatrixIndex {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let names = [NARROW_SHARD.name, WIDE_SHARD.name];
    let shard = |(shard, name): (usize, &&str)| {
        write_shard(&storage, Path::new(name), shard).expect("memory does not fail")
    };
    let shards: Vec<_> = names.iter().enumerate().map(shard).collect();
    MatrixIndex {
        samples: 1,
        words: Known.len() as u32,
        unit: 5,
        cells: shards.iter().map(|row| row.cells).sum(),
        weight: shards.iter().map(|row| row.weight).sum(),
        vocabulary: "0123456789abcdef".into(),
        settings: BTreeMap::from([("cooccur.window".into(), "5".into())]),
        shards,
    }
}

fn token_index() -> TokenIndex {
    let file = |bytes| IndexedFile { bytes, xxh3: "00ff00ff00ff00ff".into() };
    let row = |input, chunk| TokenIndexRow {
        id: ShardId { input, chunk },
        tokens: file(1 << 40),
        words: file(0),
        counts: BTreeMap::from([("lines".into(), 3), ("tokens".into(), u64::MAX)]),
    };
    TokenIndex { shards: vec![row(0, 7), row(12, 0)] }
}

fn resolved_ledger() -> Manifest {
    let mut ledger = ledger();
    ledger.stages[0].to_rebuild = true;
    let variable = ("WORDMILL__COOCCUR__WINDOW".to_owned(), "8".to_owned());
    ledger.pipeline.variables = [variable].into();
    ledger.pipeline.folder = Some("/data".into());
    ledger.pipeline.resolved = Some("[cooccur]\nwindow = 8\n".into());
    ledger
}

fn ledger() -> Manifest {
    let output = |path: &str| OutputRow {
        path: path.into(),
        bytes: 1 << 40,
        xxh3: "00ff00ff00ff00ff".into(),
    };
    let stage = |name: &str, state, outputs| StageRow {
        name: name.into(),
        fingerprint: "8899aabbccddeeff".into(),
        settings: BTreeMap::from([("corpus.inputs".into(), "na\u{ef}ve \"text\".txt".into())]),
        state,
        to_rebuild: false,
        outputs,
        counts: BTreeMap::from([("lines".into(), 3), ("tokens".into(), u64::MAX)]),
        seconds: 0.1,
        peak_bytes: 1 << 33,
        peak_disk_bytes: 0,
    };
    let mut ledger = Manifest::new("wordmill golden");
    ledger.pipeline = PipelineSource {
        file: Some("/data/pipeline.toml".into()),
        set: vec!["train.dim=3".into()],
        seed: Some(1),
        ..PipelineSource::default()
    };
    ledger.put(stage("tokenize", StageState::Done, vec![output("tokens/shard-00000.tok")]));
    ledger.put(stage("train:sgns", StageState::Partial, vec![]));
    ledger
}

fn export<T>(write: impl FnOnce(&Rows<'_>) -> Result<T, FormatError>) -> Result<(), FormatError> {
    let vectors = word_vectors();
    let rows = Rows {
        len: Known.len(),
        dim: DIM,
        word: &|id| String::from_utf8_lossy(Known.word(id)).into_owned(),
        count: &|_| 0,
        vector: &|id, out| out.extend_from_slice(&vectors[id * DIM..][..DIM]),
    };
    write(&rows).map(drop)
}

type Row = (String, Vec<f32>);

fn exported() -> Vec<Row> {
    let word = |id| String::from_utf8_lossy(Known.word(id)).into_owned();
    word_vectors().chunks(DIM).enumerate().map(|(id, row)| (word(id), row.to_vec())).collect()
}

/// The header, if there is one, and the rows.
type Parsed = (Option<(usize, usize)>, Vec<Row>);

fn read_whole(
    storage: &Arc<dyn Storage>,
    path: &Path,
    parse: impl Fn(&[u8]) -> Option<Parsed>,
) -> Result<String, FormatError> {
    let bytes = read_file(storage, path, 1 << 16)?;
    let (header, rows) = parse(&bytes).expect("an exported file");
    Ok(format!("{header:?} {rows:?}"))
}

fn parse_header(line: &str) -> Option<(usize, usize)> {
    let (rows, dim) = line.split_once(' ')?;
    Some((rows.parse().ok()?, dim.parse().ok()?))
}

fn parse_text(bytes: &[u8], with_header: bool) -> Option<Parsed> {
    let mut lines = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split('\n');
    let header = if with_header { Some(parse_header(lines.next()?)?) } else { None };
    let row = |line: &str| {
        let (word, numbers) = line.split_once(' ')?;
        let numbers: Result<_, _> = numbers.split(' ').map(str::parse).collect();
        Some((word.to_owned(), numbers.ok()?))
    };
    Some((header, lines.map(row).collect::<Option<_>>()?))
}

fn parse_binary(bytes: &[u8]) -> Option<Parsed> {
    let at = bytes.iter().position(|&byte| byte == b'\n')?;
    let (rows, dim) = parse_header(std::str::from_utf8(&bytes[..at]).ok()?)?;
    let mut rest = &bytes[at + 1..];
    let mut all = Vec::new();
    for _ in 0..rows {
        let at = rest.iter().position(|&byte| byte == b' ')?;
        let word = std::str::from_utf8(&rest[..at]).ok()?.to_owned();
        let (numbers, after) = rest[at + 1..].split_at_checked(4 * dim)?;
        let numbers = numbers.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        all.push((word, numbers.collect()));
        rest = after.strip_prefix(b"\n")?;
    }
    rest.is_empty().then_some((Some((rows, dim)), all))
}
