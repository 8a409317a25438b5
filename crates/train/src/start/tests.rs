//! Tests of initial values: what is used from files of each kind, what never moves, which files are refused.

use std::io::Write as _;

use wordmill_flow::Budget;
use wordmill_formats::VectorsWriter;

use super::*;
use crate::random::Stream;
use crate::test_support::{
    Bench, OBJECTIVES, Table, WORDS, memory_for, run, run_from, with_memory,
};
use crate::{Plan, TrainError};

const DIM: usize = 20;
/// A rate too small to move any number that is not tiny itself.
const STILL: f64 = 1e-37;

fn config(bench: &Bench, init: Option<&Path>) -> StartConfig {
    StartConfig {
        name: "new".to_owned(),
        dim: DIM,
        fingerprint: "f".to_owned(),
        init: init.map(Path::to_path_buf),
        rows: RowConfig::default(),
        freeze: None,
        files: Arc::clone(bench.dir.storage()),
    }
}

/// Every fourth word, and the last.
fn some() -> Frozen {
    let mut frozen = Frozen::default();
    (0..WORDS).step_by(4).chain([WORDS - 1]).for_each(|id| frozen.insert(id));
    frozen
}

fn all() -> Frozen {
    let mut frozen = Frozen::default();
    (0..WORDS).for_each(|id| frozen.insert(id));
    frozen
}

fn open(bench: &Bench, path: &Path) -> Result<Start, TrainError> {
    Start::open(&Context::for_tests(1), &bench.dir, &config(bench, Some(path)), &bench.table)
}

fn vectors(bench: &Bench, name: &str) -> Vectors {
    Vectors::open(bench.dir.storage(), &bench.dir.vectors(name)).unwrap()
}

/// A row as bits, so that -0 is not 0.
fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|x| x.to_bits()).collect()
}

/// Words of a file, and random vectors with some zeros of either sign.
fn random(words: &[String], seed: u64) -> Vec<Vec<f32>> {
    let mut stream = Stream::new(seed, &[]);
    let mut value = |_| match stream.below(8) {
        0 => -0.0,
        1 => 0.0,
        _ => (stream.unit() - 0.5) * 0.7,
    };
    words.iter().map(|_| (0..DIM).map(&mut value).collect()).collect()
}

/// Writes a vectors file of wordmill with other words in another order, beside those of the bench but the
/// first five.
fn write_ours(bench: &Bench, path: &Path) -> (Vec<String>, Vec<Vec<f32>>) {
    let mut words: Vec<String> = bench.table.words[5..].iter().rev().cloned().collect();
    words.extend(["W007".to_owned(), "한국어".to_owned()]);
    let mut lookup: Vec<u32> = (0..words.len() as u32).collect();
    lookup.sort_by_key(|&id| words[id as usize].clone());
    let table = Table { counts: vec![1; words.len()], lookup, words };
    let rows = random(&table.words, 9);
    let storage = bench.dir.storage();
    let settings = BTreeMap::new();
    let mut writer = VectorsWriter::create(storage, path, &table, DIM, &settings).unwrap();
    for name in ["word_vectors", "context_vectors"] {
        let each = |ids: std::ops::Range<u32>, out: &mut Vec<f32>| {
            ids.for_each(|id| out.extend(&rows[id as usize]));
            Ok(())
        };
        writer.matrix(name, rows.len() as u32, each).unwrap();
    }
    writer.finish(&table).unwrap();
    (table.words, rows)
}

fn write(bench: &Bench, path: &str, bytes: &[u8]) -> PathBuf {
    bench.dir.storage().create(Path::new(path)).unwrap().write_all(bytes).unwrap();
    path.into()
}

#[test]
fn frozen_words_keep_their_bits_and_all_others_learn() {
    for name in OBJECTIVES {
        let made = |threads, interrupted| {
            let bench = Bench::new();
            let path = Path::new("old.safetensors");
            let (words, rows) = write_ours(&bench, path);
            let start = open(&bench, path).unwrap().with_frozen(some());
            let mut attempts = 0;
            let digest = loop {
                let scarce = memory_for(&bench, name, 2, 12);
                let ctx = match interrupted {
                    false => Context::for_tests(threads),
                    true => with_memory(threads, if attempts % 2 == 0 { 1 << 30 } else { scarce }),
                };
                if interrupted {
                    ctx.cancel.stop();
                }
                attempts += 1;
                match run_from(&bench, name, &ctx, &start, |plan| plan) {
                    Err(TrainError::Stopped(_)) => {}
                    done => break done.unwrap(),
                }
            };
            assert_eq!(attempts > 1, interrupted, "{name}");
            let found = vectors(&bench, name);
            found.verify().unwrap();
            for (word, row) in words.iter().zip(&rows) {
                let Some(id) = found.words().find(word.as_bytes()) else { continue };
                let same = bits(found.word_vector(id)) == bits(row);
                assert_eq!(same, some().has(id as u32), "{name}: {word}");
            }
            digest
        };
        let one = made(1, false);
        for threads in [2, 3, 8] {
            assert_eq!(made(threads, false), one, "{name} on {threads} threads");
        }
        assert_eq!(made(2, true), one, "{name}, interrupted");
    }
}

#[test]
fn the_other_side_learns_from_words_that_are_all_frozen() {
    // With all words frozen only the other side can fit, and it does.
    for name in ["sgns", "sgns-adam", "hs", "hs-adam", "glove", "glove-sgd", "glove-rows"] {
        let bench = Bench::new();
        let start = Start::default().with_frozen(all());
        let (_, losses) =
            run_from(&bench, name, &Context::for_tests(2), &start, |plan| plan).unwrap();
        assert!(losses.last() < losses.first(), "{name}: contexts learn: {losses:?}");
        let (_, usual) = run(&Bench::new(), name, &Context::for_tests(2)).unwrap();
        assert!(usual.last() < losses.last(), "{name}: words would help: {losses:?} {usual:?}");
    }
}

/// The initial values of words, read from a training in which all are frozen.
fn first_values(bench: &Bench, start: Start) -> Vectors {
    let start = start.with_frozen(all());
    run_from(bench, "sgns", &Context::for_tests(1), &start, |plan| plan).unwrap();
    vectors(bench, "sgns")
}

#[test]
fn files_of_every_kind_give_the_same_vectors_and_the_rest_starts_as_usual() {
    let bench = Bench::new();
    let usual = first_values(&bench, Start::default());
    let (words, rows) = write_ours(&bench, Path::new("ours.safetensors"));
    let mut text = String::new();
    for (word, row) in words.iter().zip(&rows) {
        let numbers: Vec<String> = row.iter().map(f32::to_string).collect();
        text += &format!("{word} {}\n", numbers.join(" "));
    }
    let mut binary = format!("{} {DIM}\n", words.len()).into_bytes();
    for (word, row) in words.iter().zip(&rows) {
        binary.extend(format!("{word} ").bytes());
        binary.extend(row.iter().flat_map(|x| x.to_le_bytes()));
        binary.push(b'\n');
    }
    write(&bench, "glove.txt", text.as_bytes());
    write(&bench, "word2vec.txt", format!("{} {DIM}\n{text}", words.len()).as_bytes());
    write(&bench, "word2vec.bin", &binary);
    for path in ["ours.safetensors", "glove.txt", "word2vec.txt", "word2vec.bin"] {
        let start = open(&bench, Path::new(path)).unwrap();
        let has = start.given().unwrap();
        assert_eq!((has.words, has.contexts), (u64::from(WORDS) - 5, path.starts_with("ours")));
        assert_eq!(start.with_frozen(all()).frozen_at_random(), 5);
        let found = first_values(&bench, open(&bench, Path::new(path)).unwrap());
        for id in 0..WORDS as usize {
            let expected = match words.iter().position(|word| *word == bench.table.words[id]) {
                Some(row) => &rows[row][..],
                None => usual.word_vector(id),
            };
            assert_eq!(bits(found.word_vector(id)), bits(expected), "{path}: word {id}");
        }
        let scratch = bench.dir.path("models/new/init.scratch");
        bench.dir.remove(&scratch).unwrap();
    }
}

#[test]
fn all_parts_of_a_file_of_the_same_model_are_used() {
    for name in ["sgns", "hs", "glove", "glove-adam"] {
        let bench = Bench::new();
        run(&bench, name, &Context::for_tests(2)).unwrap();
        let old = vectors(&bench, name);
        let start = open(&bench, &bench.dir.vectors(name)).unwrap();
        let has = start.given().unwrap();
        assert_eq!(has.words, u64::from(WORDS));
        assert_eq!((has.contexts, has.nodes), (name != "hs", name == "hs"), "{name}");
        assert_eq!(has.biases, name.starts_with("glove"));
        let still = |plan| Plan { rate: STILL, name: "new".into(), ..plan };
        run_from(&bench, name, &Context::for_tests(2), &start, still).unwrap();
        let new = vectors(&bench, "new");
        for tensor in ["word_vectors", "context_vectors", "node_vectors"] {
            assert_eq!(new.matrix(tensor), old.matrix(tensor), "{name}: {tensor}");
        }
        for tensor in ["word_bias", "context_bias"] {
            assert_eq!(new.column(tensor), old.column(tensor), "{name}: {tensor}");
        }
        // And training goes on from there.
        let more = |plan| Plan { rate: 0.01, epochs: 2, ..still(plan) };
        let (_, losses) = run_from(&bench, name, &Context::for_tests(2), &start, more).unwrap();
        let (_, first) = run(&Bench::new(), name, &Context::for_tests(2)).unwrap();
        assert!(losses[0] < first[0], "{name}: {losses:?} {first:?}");
    }
}

#[test]
fn a_scratch_file_is_used_again_unless_it_is_another_or_damaged() {
    let bench = Bench::new();
    let row = |word: &str, x: &str| format!("{word}{}\n", format!(" {x}").repeat(DIM));
    let path = write(&bench, "v.txt", (row("w001", "0.5") + &row("w002", "0.25")).as_bytes());
    let scratch = bench.dir.path("models/new/init.scratch");
    let digest = || TensorFile::open(bench.dir.storage(), &scratch).unwrap().index().digest();
    assert_eq!(open(&bench, &path).unwrap().given().unwrap().words, 2);
    let first = digest();
    // The text has changed, but not its fingerprint: the scratch file is still used.
    write(&bench, "v.txt", row("w001", "0.5").as_bytes());
    assert_eq!(open(&bench, &path).unwrap().given().unwrap().words, 2);
    let ctx = Context::for_tests(1);
    let other = StartConfig { fingerprint: "g".into(), ..config(&bench, Some(&path)) };
    let start = Start::open(&ctx, &bench.dir, &other, &bench.table).unwrap();
    assert_eq!(start.given().unwrap().words, 1);
    assert_ne!(digest(), first);
    let whole = wordmill_formats::read_file(bench.dir.storage(), &scratch, 1 << 20).unwrap();
    let mut file = bench.dir.storage().create(&scratch).unwrap();
    file.write_all(&whole[..whole.len() - 3]).unwrap();
    drop(file);
    assert_eq!(open(&bench, &path).unwrap().given().unwrap().words, 1);
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let bench = Bench::new();
    let row = |word: &str, numbers: usize| format!("{word}{}\n", " 0.5".repeat(numbers));
    let fits = row("w001", DIM);
    let cases = [
        ("short", row("w001", 12), "its vectors have 12 numbers, dim of new is 20; set dim = 12"),
        ("none", row("W001", DIM), "none of the 60 words of the vocabulary"),
        (
            "twice",
            fits.clone() + &row("x", DIM) + &fits,
            "row 3: the word \"w001\" is in an earlier row, too",
        ),
        ("cut", fits.clone() + "w002 0.5 0.5", "cut off"),
        ("nan", fits.replacen("0.5", "nan", 1), "not finite"),
        ("prose", "once upon a time\n".into(), "not vectors"),
        ("nothing", String::new(), "not vectors"),
    ];
    for (name, text, says) in cases {
        let path = write(&bench, name, text.as_bytes());
        let error = open(&bench, &path).unwrap_err().to_string();
        bench.dir.sweep("models/new", |_| true).unwrap();
        assert!(error.contains(says) && error.starts_with(name), "{name}: {error}");
    }
    let gone = open(&bench, Path::new("gone")).unwrap_err();
    assert!(matches!(&gone, TrainError::Format(error) if error.is_not_found()), "{gone}");
    // A wordmill file of another kind, and one whose numbers do not match its checksum.
    let shard = bench.dir.matrix_shard(0, 2);
    let error = open(&bench, &shard).unwrap_err().to_string();
    assert!(error.contains("not ") && error.contains("vectors"), "{error}");
    write_ours(&bench, Path::new("flipped.safetensors"));
    let mut bytes =
        wordmill_formats::read_file(bench.dir.storage(), Path::new("flipped.safetensors"), 1 << 20)
            .unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let path = write(&bench, "flipped.safetensors", &bytes);
    let error = open(&bench, &path).unwrap_err().to_string();
    assert!(error.contains("damaged"), "{error}");
}

#[test]
fn bad_rows_are_left_out_and_counted_also_by_a_resumed_process() {
    let bench = Bench::new();
    let row = |word: &[u8]| [word, " 0.5".repeat(DIM).as_bytes(), b"\n"].concat();
    let rows = [&b"w001"[..], b"caf\xe9", b"w001", b"w002", b"w003 nan"].map(row);
    let path = write(&bench, "bad", &rows.concat());
    assert!(open(&bench, &path).unwrap_err().to_string().contains("not UTF-8"));
    let rows = RowConfig { bad_rows: BadRows::Skip, advice: "" };
    let config = StartConfig { rows, ..config(&bench, Some(&path)) };
    let ctx = Context::for_tests(1);
    // The second time the scratch file is read.
    for _ in 0..2 {
        let has = Start::open(&ctx, &bench.dir, &config, &bench.table).unwrap().given().unwrap();
        assert_eq!(has.words, 2);
        let RowCounts { twice, not_utf8, numbers, not_finite, .. } = has.rows;
        assert_eq!((twice, not_utf8, numbers + not_finite), (1, 1, 1), "{:?}", has.rows);
    }
}

#[test]
fn memory_for_the_words_is_reserved() {
    let bench = Bench::new();
    write_ours(&bench, Path::new("ours.safetensors"));
    let ctx = Context { budget: Budget::new(100), ..Context::for_tests(1) };
    let config = config(&bench, Some(Path::new("ours.safetensors")));
    let error = Start::open(&ctx, &bench.dir, &config, &bench.table).unwrap_err();
    assert!(matches!(error, TrainError::OverBudget(_)), "{error}");
}
