//! Tests of chunks: where the cuts fall, and that no byte is lost.

use std::fs;
use std::path::Path;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::*;
use crate::input;
use crate::tokenizer::{Segmentation, Tokenizer, TokenizerConfig};

fn chunks(files: &[&[u8]], chunk_bytes: usize) -> (Vec<Chunk>, Overlong) {
    let dir = tempfile::tempdir().unwrap();
    for (index, text) in files.iter().enumerate() {
        fs::write(dir.path().join(format!("{index:03}")), text).unwrap();
    }
    read(dir.path(), chunk_bytes, TokenizerConfig::default())
}

/// The chunks of all files, which are the same whether read by offset or sequentially.
fn read(path: &Path, chunk_bytes: usize, config: TokenizerConfig) -> (Vec<Chunk>, Overlong) {
    let inputs = input::resolve(&[path.display().to_string()], Path::new(""), 1).unwrap();
    let cutter = Cutter::new(chunk_bytes, Tokenizer::new(config));
    let (mut all, mut overlong) = (Vec::new(), Overlong::default());
    let mut buffer = vec![b'x'; 100];
    for (number, input) in (0..).zip(&inputs) {
        let text = input.open_plain().unwrap().unwrap();
        let range = RangeReader { text, input: number };
        let mut stream = StreamReader::new(cutter.clone(), input.open().unwrap(), number);
        for chunk in 0..range.chunks(&cutter) + 1 {
            if let Some(mut chunk) = range.chunk(&cutter, chunk, buffer.clone()).unwrap() {
                buffer = chunk.buffer.clone();
                chunk.buffer.drain(..chunk.start);
                chunk.start = 0;
                assert_eq!(stream.next_chunk(Vec::new()).unwrap().as_ref(), Some(&chunk));
                overlong.words += chunk.overlong.words;
                overlong.bytes += chunk.overlong.bytes;
                all.push(chunk);
            }
        }
        assert_eq!(stream.next_chunk(Vec::new()).unwrap(), None);
    }
    (all, overlong)
}

fn texts(chunks: &[Chunk]) -> Vec<&str> {
    chunks.iter().map(|chunk| str::from_utf8(chunk.text()).unwrap()).collect()
}

#[test]
fn a_chunk_ends_with_the_line_that_fills_it() {
    let line = |len: usize| format!("{}\n", "x".repeat(len - 1));
    let (whole, _) = chunks(&[format!("{}{}{}", line(60), line(20), line(10)).as_bytes()], 64);
    assert_eq!(texts(&whole), [format!("{}{}", line(60), line(20)), line(10)]);
    assert_eq!(whole[1].offset, 80);
    let (exact, _) = chunks(&[format!("{}{}", line(64), line(64)).as_bytes()], 64);
    assert_eq!(exact.len(), 2);
    assert!(exact.iter().all(|chunk| !chunk.continues_line));
}

#[test]
fn a_chunk_never_spans_two_inputs() {
    let (all, _) = chunks(&[b"one", b"", b"two\n"], 64);
    assert_eq!(texts(&all), ["one", "two\n"]);
    assert_eq!(
        all.iter().map(|chunk| (chunk.id.input, chunk.id.chunk)).collect::<Vec<_>>(),
        [(0, 0), (2, 0)]
    );
    assert!(!all[1].continues_line);
}

#[test]
fn a_long_line_is_cut_at_white_space() {
    let text = format!("{}\nend\n", "word ".repeat(100));
    let (all, overlong) = chunks(&[text.as_bytes()], 64);
    assert_eq!(texts(&all).concat(), text);
    assert_eq!(overlong, Overlong::default());
    assert!(!all[0].continues_line && all[1].continues_line);
    assert!(all.iter().all(|chunk| chunk.text().len() <= 128));
}

#[test]
fn a_long_line_without_white_space_is_cut_between_words() {
    let text = "我愛你".repeat(100);
    let (all, overlong) = chunks(&[text.as_bytes()], 64);
    assert_eq!(texts(&all).concat(), text);
    assert_eq!(overlong, Overlong::default());
    assert!(all.len() >= 7);
}

#[test]
fn a_word_without_end_is_left_out_and_counted() {
    let text = format!("before {} after\nnext\n", "x".repeat(1_000));
    let (all, overlong) = chunks(&[text.as_bytes(), b"more"], 64);
    assert_eq!(overlong, Overlong { words: 1, bytes: 1_000 });
    assert_eq!(texts(&all), ["before ", " after\n", "next\n", "more"]);
    assert!(all[1].continues_line && !all[2].continues_line);
    assert_eq!(all[1].offset, 1_007);
    let (all, overlong) = chunks(&[&[b'x'; 1_000], b"more"], 64);
    assert_eq!((texts(&all), overlong.words), (vec!["", "more"], 1));
    let (all, overlong) = chunks(&[b"more", &[b'x'; 1_000]], 64);
    assert_eq!((texts(&all), overlong.words), (vec!["more", ""], 1));
}

#[test]
fn wrong_bytes_do_not_stop_the_cut() {
    let text = [b"\xff\xfe".repeat(300), "我愛".repeat(40).into_bytes()].concat();
    let (all, _) = chunks(&[&[b"a\nb\nc ", &text[..]].concat()], 64);
    assert!(all.iter().all(|chunk| chunk.text().len() <= 128));
}

#[test]
fn no_byte_is_lost() {
    for seed in 0..300 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let text: String = (0..random.next_u64() % 3_000)
            .map(|_| {
                ["a", "bc", " ", " ", "\n", "한", "我", "\u{3000}"][random.next_u64() as usize % 8]
            })
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("text");
        fs::write(&path, &text).unwrap();
        for segmentation in [Segmentation::Words, Segmentation::Whitespace] {
            let config = TokenizerConfig { segmentation, ..TokenizerConfig::default() };
            let (all, overlong) = read(&path, 64 + random.next_u64() as usize % 400, config);
            assert_eq!(overlong, Overlong::default(), "seed {seed}");
            assert_eq!(texts(&all).concat(), text, "seed {seed}");
        }
    }
}
