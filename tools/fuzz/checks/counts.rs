//! What `import-counts` reads: a vocabulary and counts of another program, packed or not.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use wordmill_flow::Context;
use wordmill_formats::{MemoryStorage, RunDir, TensorFile, WordTable, Words};
use wordmill_text::{TextError, input};
use wordmill_vocab::{CountWords, CountsFile, ErrorKind, VocabError, import_vocabulary};

use super::{Read, Target, held, nothing_to_repair};

/// Buffers, and unpackers of what may be packed a thousandfold.
const BUFFER_BYTES: usize = 32 << 20;
/// The words that counts are looked up in.
const VOCABULARY: &[u8] = include_bytes!("../seeds/vocabulary/vocabulary.safetensors");

/// The readers of counts.
pub const TARGETS: &[Target] = &[
    Target {
        name: "counts",
        read: Read::OnDisk(read_counts),
        repair: nothing_to_repair,
        fixed_bytes: BUFFER_BYTES,
        times: 64,
    },
    Target {
        name: "word_counts",
        read: Read::OnDisk(read_word_counts),
        repair: nothing_to_repair,
        fixed_bytes: BUFFER_BYTES,
        times: 512,
    },
];

fn table() -> &'static WordTable {
    static TABLE: OnceLock<WordTable> = OnceLock::new();
    TABLE.get_or_init(|| {
        let (storage, path) = held(VOCABULARY);
        let file = TensorFile::open(&storage, path).expect("a seed is whole");
        WordTable::new(file).expect("a seed is a vocabulary")
    })
}

fn read_counts(path: &Path) -> Result<(), String> {
    let names = [path.to_string_lossy().into_owned()];
    for input in input::resolve(&names, Path::new(""), 1).map_err(|error| refused(error.into()))? {
        assert!(input.unpacker_bytes() < 1 << 50, "a window that zstd can have");
    }
    let ids: Vec<u32> = (0..table().len() as u32).collect();
    let words = CountWords { table: table(), ids: &ids };
    let file = CountsFile::open(path, words).map_err(refused)?;
    let (mut counts, mut last) = (0, 0);
    let read = file.for_each(words, |at, count| {
        assert!(at == last + 1 && count.row < ids.len() as u32 && count.column < ids.len() as u32);
        assert!(count.weight.is_finite() && count.weight > 0.0);
        (counts, last) = (counts + 1, at);
        Ok::<_, VocabError>(())
    });
    let read = read.map_err(refused)?;
    assert_eq!(read.counts, counts);
    assert!(file.len_if_known().is_none_or(|known| known == counts));
    Ok(())
}

fn read_word_counts(path: &Path) -> Result<(), String> {
    let run = RunDir::new(Arc::new(MemoryStorage::default()), Path::new("run"));
    let ctx = Context::for_tests(1);
    let (vocabulary, ids) = import_vocabulary(&ctx, &run, path).map_err(refused)?;
    vocabulary.table().verify().expect("what was imported is whole");
    assert_eq!(vocabulary.table().len(), ids.len());
    Ok(())
}

fn refused(error: VocabError) -> String {
    // A file may ask for more memory than anybody has; that is its own fault, too.
    let is_ours = matches!(error, VocabError::Text(TextError::Window { .. }));
    assert!(is_ours || error.kind() == ErrorKind::Input, "blames another: {error}");
    error.to_string()
}
