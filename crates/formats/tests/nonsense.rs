//! Files whose checksums are right but whose contents are inconsistent: numbers at the edge of
//! their range, settings that contradict the tensors, an index of another kind. Each is refused as
//! a bad artefact, without a panic. Damage that a checksum detects is tested in `golden`.

#![allow(clippy::unwrap_used, reason = "a test stops where it goes wrong")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::{
    CellBlock, CellCodes, CellPacker, CsrShard, CsrShardReader, Dtype, Fault, FaultyStorage,
    FormatError, FrameFile, FrameWriter, Kind, MatrixIndex, MemoryStorage, Operation, Segment,
    Storage, StripeFile, TensorFile, TensorReader, TensorWriter, TileGrid, TokenShard, Vectors,
    WordListReader, read_remap, write_file,
};

fn storage() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::default())
}

fn path() -> &'static Path {
    Path::new("m/a")
}

fn check_refused<T>(result: Result<T, FormatError>, what: &str) {
    let error = result.err().unwrap_or_else(|| panic!("{what}: accepted"));
    assert!(error.is_bad_artefact(), "{what}: {error}");
}

#[test]
fn a_tensor_of_the_largest_64_bit_length_is_refused() {
    let max = u64::MAX;
    let one =
        format!("{{\"a\":{{\"dtype\":\"U8\",\"shape\":[{max}],\"data_offsets\":[0,{max}]}}}}");
    let two =
        "{\"a\":{\"dtype\":\"U64\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}";
    let holes = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}";
    for header in [one.as_str(), two, holes, "[]", "{\"__metadata__\":{\"a\":1}}", "{\"a\":{}}"] {
        let storage = storage();
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        write_file(&storage, path(), &bytes).unwrap();
        check_refused(TensorFile::open(&storage, path()), header);
        check_refused(TensorReader::open(&storage, path()), header);
    }
}

/// A shard of two rows and columns with one cell each, and these settings.
fn shard(settings: [(&str, &str); 3], indptr: [u64; 3], indices: [u32; 2]) -> Arc<dyn Storage> {
    let storage = storage();
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let names = ["indptr.00000", "weights.00000", "indices.00000"];
    let mut writer =
        TensorWriter::create(&storage, path(), "csr-shard", &names, &settings).unwrap();
    writer.tensor(names[0], Dtype::U64, &[3], &indptr).unwrap();
    writer.tensor(names[1], Dtype::U32, &[2], &[1u32, 1]).unwrap();
    writer.tensor(names[2], Dtype::U32, &[2], &indices).unwrap();
    writer.finish().unwrap();
    storage
}

fn read_shard(storage: &Arc<dyn Storage>) -> [Result<(), FormatError>; 2] {
    let mapped = CsrShard::open(storage, path()).and_then(|shard| shard.verify());
    let read = CsrShardReader::open(storage, path())
        .and_then(|shard| shard.for_each_piece(|_, _, _| Ok(())));
    [mapped, read]
}

#[test]
fn a_shard_whose_settings_contradict_it_is_refused() {
    let usual = [("first_row", "0"), ("rows", "2"), ("words", "2")];
    for result in read_shard(&shard(usual, [0, 1, 2], [0, 1])) {
        result.unwrap();
    }
    for (key, value) in [
        ("rows", "18446744073709551615"),
        ("rows", "4294967298"),
        ("rows", "3"),
        ("first_row", "4294967295"),
        ("first_row", "1"),
        ("first_row", "-1"),
        ("words", "1"),
        ("words", ""),
    ] {
        let settings = usual.map(|(name, old)| (name, if name == key { value } else { old }));
        for result in read_shard(&shard(settings, [0, 1, 2], [0, 1])) {
            check_refused(result, &format!("{key} = {value}"));
        }
    }
    for indptr in [[0, 3, 2], [0, 1, 1], [1, 1, 2], [0, u64::MAX, 2]] {
        for result in read_shard(&shard(usual, indptr, [0, 1])) {
            check_refused(result, &format!("{indptr:?}"));
        }
    }
}

#[test]
fn an_index_of_another_kind_or_version_is_recognised() {
    let storage = storage();
    let shards = "\"matrix\":{\"words\":0,\"unit\":5,\"cells\":0,\"weight\":0,\
        \"vocabulary\":\"\",\"settings\":{},\"shards\":[]}";
    let read = |metadata: String| {
        let json = format!("{{\"metadata\":{{{metadata}}},\"weight_map\":{{}}}}");
        write_file(&storage, path(), json.as_bytes()).unwrap();
        MatrixIndex::read(&storage, path())
    };
    read(format!("\"kind\":\"csr-index\",\"version\":1,{shards}")).unwrap();
    let foreign = read(format!("\"kind\":\"other\",\"version\":1,{shards}")).unwrap_err();
    assert!(matches!(foreign, FormatError::Foreign { .. }), "{foreign}");
    assert_eq!(read(format!("\"kind\":\"csr-index\",\"version\":2,{shards}")).unwrap().samples, 1);
    let newer = read(format!("\"kind\":\"csr-index\",\"version\":3,{shards}")).unwrap_err();
    assert!(matches!(newer, FormatError::Version { found: 3, known: 2, .. }), "{newer}");
}

#[test]
fn stripes_of_the_largest_grids_have_a_length() {
    let all = u32::MAX;
    for (grid, ids) in [(1, all), (2, all), (1 << 16, all), (7, 0), (7, 6), (7, 7), (7, 8)] {
        let tiles = TileGrid { grid, rows: ids, columns: ids };
        let sum: u64 = (0..grid).map(|stripe| u64::from(tiles.len(ids, stripe))).sum();
        assert_eq!(sum, u64::from(ids), "{grid} stripes");
    }
}

/// A framed file with settings and one frame with this number of items.
fn framed(kind: Kind, settings: &[(&str, &str)], items: u32, payload: &[u8]) -> Arc<dyn Storage> {
    let storage = storage();
    let mut writer = FrameWriter::create(&storage, path(), kind).unwrap();
    settings.iter().for_each(|(key, value)| writer.set(key, value));
    writer.frame(0, items, payload).unwrap();
    writer.finish().unwrap();
    storage
}

#[test]
fn frames_with_other_content_than_stated_are_refused() {
    let shard = |kind, width, items, payload: &[u8]| {
        let settings = [("width", width), ("local_words", "9"), ("continues_line", "0")];
        let storage = framed(kind, &settings, items, payload);
        let shard = TokenShard::open(&storage, path())?;
        shard.read(0, &mut Vec::new(), &mut Vec::new())
    };
    let codes = |items, payload: &[u8]| shard(Kind::TOKENS, "", items, payload);
    codes(2, &[9, 0]).unwrap();
    check_refused(codes(1, &[10]), "a code too large");
    check_refused(codes(2, &[1]), "a code too few");
    check_refused(codes(1, &[1, 1]), "a byte too many");
    check_refused(codes(1, &[160]), "a code without its second byte");
    check_refused(codes(1, &[255, 1, 0, 0]), "a code that ends early");
    let first = Kind { version: 1, ..Kind::TOKENS };
    let tokens = |width, items, payload: &[u8]| shard(first, width, items, payload);
    tokens("2", 2, &[8, 0, 255, 255]).unwrap();
    check_refused(tokens("3", 1, &[0, 0, 0]), "three bytes a token");
    check_refused(tokens("2", 1, &[9, 0]), "a token too large");
    check_refused(tokens("2", 3, &[0, 0, 0, 0]), "a token too few");
    check_refused(tokens("2", 1, &[0, 0, 0]), "half a token too many");
    let words = |items, payload: &[u8]| {
        let storage = framed(Kind::WORDS, &[], items, payload);
        let mut reader = WordListReader::open(&storage, path())?;
        while reader.advance()?.is_some() {}
        Ok(())
    };
    words(2, b"\x00\x01a\x05\x01\x01b\x05").unwrap();
    check_refused(words(1, b"\x01\x01a\x05"), "shares with a word that is not there");
    check_refused(words(1, b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a"), "an endless word");
    check_refused(words(1, b"\x00\x01a"), "no count");
    let remap =
        |items, payload: &[u8]| read_remap(&framed(Kind::REMAP, &[], items, payload), path(), 9);
    assert_eq!(remap(1, &[8, 0, 0, 0]).unwrap(), [8]);
    check_refused(remap(1, &[9, 0, 0, 0]), "an id too large");
    check_refused(remap(2, &[8, 0, 0, 0]), "an id too few");
    check_refused(remap(1, &[8, 0, 0, 0, 0]), "a quarter of an id too many");
}

#[test]
fn tiles_that_do_not_fit_their_grid_are_refused() {
    let cells = |grid, rows, stripe, items, payload: &[u8]| {
        let settings =
            [("grid", grid), ("rows", rows), ("columns", "4294967295"), ("stripe", stripe)];
        let kind = Kind { version: 1, ..Kind::TILES };
        let storage = framed(kind, &settings, items, payload);
        let stripe = StripeFile::open(&storage, path())?;
        let mut cells = Vec::new();
        stripe.segment(0, wordmill_formats::TileSection::Hot, Segment::WHOLE, &mut cells)?;
        Ok(cells.len())
    };
    let cell = [0, 2, 0, 3, 0, 4, 0, 0, 0];
    assert_eq!(cells("65536", "4294967295", "7", 1, &cell).unwrap(), 1);
    check_refused(cells("2", "4", "1", 1, &cell), "a row outside the stripe");
    check_refused(cells("2", "9", "2", 1, &cell), "a stripe outside the grid");
    check_refused(cells("0", "9", "0", 1, &cell), "no stripes");
    check_refused(cells("65537", "9", "0", 1, &cell), "too many stripes");
    check_refused(cells("2", "9", "1", u32::MAX, &cell), "more cells than bytes");
    check_refused(cells("2", "9", "1", 1, &cell[..8]), "a cell that ends early");
    check_refused(cells("2", "9", "1", 1, &[8; 9]), "flags that mean nothing");
}

#[test]
fn a_grid_of_four_billion_slots_takes_no_memory() {
    let storage = storage();
    let mut writer = FrameWriter::create(&storage, path(), Kind::SLOTS).unwrap();
    for (key, value) in [("grid", 1u64 << 16), ("slots", 1 << 16), ("rows", 9), ("columns", 9)] {
        writer.set(key, value);
    }
    ["stripe", "seed", "unit"].into_iter().for_each(|key| writer.set(key, 0));
    writer.frame(0, u32::MAX, b"no cells").unwrap();
    writer.finish().unwrap();
    let stripe = StripeFile::open(&storage, path()).unwrap();
    let mut cells = Vec::new();
    let hot = wordmill_formats::TileSection::Hot;
    check_refused(
        stripe.segment(0, hot, Segment::WHOLE, &mut cells),
        "four billion cells in eight bytes",
    );
    assert!(cells.capacity() < 100, "{} cells reserved", cells.capacity());
    let cold = wordmill_formats::TileSection::Cold;
    stripe.segment(65_535, cold, Segment::WHOLE, &mut cells).unwrap();
    assert_eq!(cells, []);
}

#[test]
fn frames_that_unpack_to_more_than_they_should_are_refused() {
    let zeros = vec![0u8; 5 << 20];
    let tokens = [("local_words", "9"), ("continues_line", "0")];
    let storage = framed(Kind::TOKENS, &tokens, 5 << 20, &zeros);
    let shard = TokenShard::open(&storage, path()).unwrap();
    check_refused(shard.read(0, &mut Vec::new(), &mut Vec::new()), "tokens without end");
    let storage = framed(Kind::REMAP, &[], 5 << 18, &zeros);
    check_refused(read_remap(&storage, path(), 9), "ids without end");
    let mut writer = FrameWriter::create(&storage, path(), Kind::RUN).unwrap();
    let cells = &zeros[..2 << 20];
    let row = [&[0x80, 0x80, 0x80, 0x01][..]].concat();
    writer.planes(0, 2 << 20, &[&[0], &row, cells, cells, &[], cells, cells, &[], &[]]).unwrap();
    writer.finish().unwrap();
    let file = FrameFile::open(&storage, path(), Kind::RUN).unwrap();
    let mut packer = CellPacker::new(CellCodes::Plain);
    check_refused(packer.unpack(&file, 0, &mut CellBlock::default()), "cells without end");
}

#[test]
fn blocks_whose_planes_contradict_one_another_are_refused() {
    let block = |items, planes: &[&[u8]]| {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let mut writer = FrameWriter::create(&storage, path(), Kind::RUN)?;
        writer.planes(0, items, planes)?;
        writer.finish()?;
        let file = FrameFile::open(&storage, path(), Kind::RUN)?;
        let mut block = CellBlock::default();
        CellPacker::new(CellCodes::Plain).unpack(&file, 0, &mut block)?;
        Ok(block.len())
    };
    // Two cells of row 3, columns 4 and 6, weights 7 and 8.
    let planes: [&[u8]; 9] = [&[3], &[2], &[4, 1], &[0, 0], &[], &[7, 8], &[0, 0], &[], &[]];
    let with = |plane: usize, bytes: &'static [u8]| {
        let mut planes = planes;
        planes[plane] = bytes;
        block(2, &planes)
    };
    assert_eq!(block(2, &planes).unwrap(), 2);
    check_refused(block(3, &planes), "a cell too few");
    check_refused(block(u32::MAX, &planes), "more cells than bytes");
    check_refused(block(2, &planes[..8]), "a plane too few");
    check_refused(with(0, &[]), "a row without a number");
    check_refused(with(0, &[3, 1]), "a row too many");
    check_refused(with(0, &[0xff, 0xff, 0xff, 0xff, 0x1f]), "a row beyond 32 bits");
    check_refused(with(1, &[1]), "a row too short");
    check_refused(with(1, &[3]), "a row too long");
    check_refused(with(1, &[0, 2]), "an empty row");
    check_refused(with(2, &[4]), "a column too few");
    check_refused(with(4, &[1, 0, 0, 0]), "a wide step too many");
    check_refused(with(5, &[7]), "a code too few");
    check_refused(with(7, &[1, 0, 0, 0]), "a wide payload too many");
    check_refused(with(7, &[1, 0, 0]), "three quarters of a payload");
    check_refused(with(8, &[1, 0, 0, 0]), "a high half without a low one");
    let mut planes = planes;
    (planes[2], planes[3], planes[4]) = (&[0xff, 0], &[0xff, 0], &[0xff, 0xff, 0xff, 0xff]);
    check_refused(block(2, &planes), "a column beyond 32 bits");
}

#[test]
fn vectors_that_contradict_their_words_are_refused() {
    let vectors = |shape: [u64; 2], offsets: &[u64]| {
        let storage = storage();
        let names = ["word_offsets", "counts", "word_vectors", "lookup", "word_bytes"];
        let settings = BTreeMap::new();
        let mut writer =
            TensorWriter::create(&storage, path(), "vectors", &names, &settings).unwrap();
        let floats = vec![0f32; (shape[0] * shape[1]) as usize];
        writer.tensor(names[0], Dtype::U64, &[offsets.len() as u64], offsets).unwrap();
        writer.tensor(names[1], Dtype::U64, &[2], &[2u64, 1]).unwrap();
        writer.tensor(names[2], Dtype::F32, &shape, &floats).unwrap();
        writer.tensor(names[3], Dtype::U32, &[2], &[0u32, 1]).unwrap();
        writer.tensor(names[4], Dtype::U8, &[2], b"ab").unwrap();
        writer.finish().unwrap();
        Vectors::open(&storage, path())?.verify()
    };
    vectors([2, 3], &[0, 1, 2]).unwrap();
    check_refused(vectors([2, 0], &[0, 1, 2]), "vectors of no numbers");
    check_refused(vectors([3, 3], &[0, 1, 2]), "more vectors than words");
    check_refused(vectors([2, 3], &[0, 2]), "fewer words than counts");
    check_refused(vectors([2, 3], &[0, 1, 3]), "words beyond the bytes");
    check_refused(vectors([2, 3], &[0, 5, 2]), "offsets that descend");
}

#[test]
fn a_patch_that_fails_is_torn_like_any_other_write() {
    let memory = MemoryStorage::default();
    let fault = Fault::full(Operation::Write, 1);
    let faulty = FaultyStorage::new(Arc::new(memory.clone()), Some(fault));
    let mut file = faulty.create(path()).unwrap();
    file.write_all(b"0000").unwrap();
    file.write_at(0, b"1111").unwrap_err();
    assert_eq!(memory.snapshot()[path()], b"1100");
}
