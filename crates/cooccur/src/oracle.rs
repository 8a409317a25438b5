//! Tests of the whole crate against brute force: random tiny corpora, every setting, any budget.

use std::collections::BTreeMap;
use std::sync::Arc;

use wordmill_flow::{Budget, Context, Room};
use wordmill_formats::{
    CsrShardReader, LINE_END, MatrixIndex, MemoryStorage, NO_WORD, RemapWriter, RunDir, ShardId,
    TokenShardWriter,
};
use wordmill_formats::{
    Fault, FaultyStorage, FormatError, Operation, Segment, Storage, StripeFile, TileSection,
};
use wordmill_kernels::random::SplitMix64;

use crate::{
    CooccurError, CountConfig, CountInput, Dropped, MatrixCells, MergeConfig, RowRanges,
    ShuffleConfig, Sides, Subsampling, Weighting, WindowConfig, count, merge, remove_runs, shuffle,
};

mod speed;
mod units;

struct Random(SplitMix64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.bits() % limit
    }
}

struct Case {
    /// Global ids, `NO_WORD` for words outside the vocabulary.
    lines: Vec<Vec<u32>>,
    counts: Vec<u64>,
    window: WindowConfig,
    thinning: Option<Subsampling>,
    chunk_tokens: usize,
    batch_bytes: u64,
    threads: usize,
}

impl Case {
    fn random(random: &mut Random) -> Self {
        let words = 1 + random.below(40) as u32;
        let line = |random: &mut Random| {
            let word = |random: &mut Random| match random.below(8) {
                0 => NO_WORD,
                _ => {
                    (random.below(u64::from(words)) * random.below(u64::from(words))
                        / u64::from(words)) as u32
                }
            };
            (0..random.below(30)).map(|_| word(random)).collect()
        };
        let lines: Vec<Vec<u32>> = (0..1 + random.below(12)).map(|_| line(random)).collect();
        let mut counts = vec![0; words as usize];
        lines
            .iter()
            .flatten()
            .filter(|&&id| id != NO_WORD)
            .for_each(|&id| counts[id as usize] += 1);
        let pick = |random: &mut Random, n| random.below(n) as usize;
        let window = WindowConfig {
            window: 1 + random.below(12) as u8,
            weighting: [Weighting::Linear, Weighting::Harmonic, Weighting::Flat][pick(random, 3)],
            sides: [Sides::Both, Sides::Left][pick(random, 2)],
            dropped: [Dropped::Close, Dropped::Gap][pick(random, 2)],
        };
        let chunk_tokens = 1 + pick(random, 40);
        let batch_bytes = 16 << random.below(12);
        let threads = 1 + pick(random, 4);
        let keep: Vec<f32> = counts.iter().map(|_| random.below(5) as f32 / 4.0).collect();
        let thinning = match random.below(2) {
            0 => None,
            _ => Some(Subsampling::new(&keep, random.below(9), 1 + random.below(3) as u32)),
        };
        Self { lines, counts, window, thinning, chunk_tokens, batch_bytes, threads }
    }

    /// The lines of each sample, with dropped words as `NO_WORD`.
    fn subsampled(&self) -> Vec<Vec<u32>> {
        let Some(thinning) = &self.thinning else { return self.lines.clone() };
        let mut lines = Vec::new();
        for sample in 0..u64::from(thinning.samples()) {
            let mut token = 0;
            for line in &self.lines {
                let stays = |(&id, token): (&u32, usize)| {
                    let (shard, item) = (token / self.chunk_tokens, token % self.chunk_tokens + 1);
                    let thin = thinning.of_shard(sample, shard as u64);
                    if id != NO_WORD && thin.keeps(id, item as u64) { id } else { NO_WORD }
                };
                lines.push(line.iter().zip(token..).map(stays).collect());
                token += line.len() + 1;
            }
        }
        lines
    }

    /// Every pair of every line, straight from the definition.
    fn brute_force(&self) -> BTreeMap<(u32, u32), u64> {
        let weights = self.window.weights();
        let mut cells = BTreeMap::new();
        for mut places in self.subsampled() {
            if self.window.dropped == Dropped::Close {
                places.retain(|&id| id != NO_WORD);
            }
            for (at, &word) in places.iter().enumerate() {
                for (&weight, back) in weights.iter().zip(1..=at) {
                    let earlier = places[at - back];
                    if word == NO_WORD || earlier == NO_WORD {
                        continue;
                    }
                    *cells.entry((word, earlier)).or_insert(0) += weight;
                    if self.window.sides == Sides::Both {
                        *cells.entry((earlier, word)).or_insert(0) += weight;
                    }
                }
            }
        }
        cells
    }

    /// Writes token shards cut anywhere, even inside lines, with a shuffled local id for each word.
    fn write_shards(&self, dir: &RunDir, random: &mut Random) -> CountInput<'_> {
        let ids: Vec<u32> =
            self.lines.iter().flat_map(|line| line.iter().copied().chain([u32::MAX - 1])).collect();
        let chunks: Vec<&[u32]> = ids.chunks(self.chunk_tokens).collect();
        let mut in_line = false;
        let shards = ShardId::first(chunks.len() as u32).leak();
        for (shard, chunk) in shards.iter().zip(&chunks) {
            let shift = random.below(7) as u32;
            let local_words = self.counts.len() as u32 + 1 + shift;
            let storage = dir.storage();
            let path = dir.token_shard(*shard);
            let mut tokens =
                TokenShardWriter::create(storage, &path, local_words, in_line).unwrap();
            let local = |id: u32| match id {
                NO_WORD => shift,
                id if id == u32::MAX - 1 => LINE_END,
                id => id + 1 + shift,
            };
            let locals: Vec<u32> = chunk.iter().map(|&id| local(id)).collect();
            tokens.tokens(&locals).unwrap();
            tokens.finish().unwrap();
            let mut remap = RemapWriter::create(storage, &dir.remap(*shard)).unwrap();
            (0..=shift).for_each(|_| remap.push(NO_WORD).unwrap());
            (0..self.counts.len()).for_each(|id| remap.push(id as u32).unwrap());
            remap.finish().unwrap();
            in_line = chunk.last() != Some(&(u32::MAX - 1));
        }
        CountInput { shards, counts: &self.counts }
    }

    fn matrix(&self, ctx: &Context, dir: &RunDir, input: CountInput<'_>) -> MatrixIndex {
        self.try_matrix((ctx, ctx), dir, input).unwrap()
    }

    fn try_matrix(
        &self,
        (counting, merging): (&Context, &Context),
        dir: &RunDir,
        input: CountInput<'_>,
    ) -> Result<MatrixIndex, CooccurError> {
        let config = CountConfig {
            window: self.window,
            thinning: self.thinning.clone(),
            fingerprint: "f".into(),
            batch_bytes: Some(self.batch_bytes),
        };
        let unit = config.unit();
        let runs = count(counting, dir, &config, input)?;
        let ranges = RowRanges::new(&self.counts, self.window.window);
        let config = MergeConfig {
            unit,
            samples: config.samples(),
            fingerprint: "f".into(),
            vocabulary: "v".into(),
            settings: BTreeMap::new(),
        };
        let index = merge(merging, dir, &config, &ranges, runs)?;
        remove_runs(dir)?;
        Ok(index)
    }
}

fn cells(dir: &RunDir, index: &MatrixIndex) -> BTreeMap<(u32, u32), u64> {
    let mut cells = BTreeMap::new();
    for shard in &index.shards {
        let path = dir.path("matrix").join(&shard.file);
        let reader = CsrShardReader::open(dir.storage(), &path).unwrap();
        let add = |row, columns: &[u32], weights: &[u64]| {
            for (&column, &weight) in columns.iter().zip(weights) {
                assert_eq!(cells.insert((row, column), weight), None, "a cell occurs twice");
            }
            Ok::<_, FormatError>(())
        };
        reader.for_each_piece(add).unwrap();
    }
    cells
}

#[test]
fn counts_equal_brute_force_for_every_setting_and_budget() {
    for seed in 0..400 {
        let mut random = Random(SplitMix64(seed));
        let case = Case::random(&mut random);
        let expected = case.brute_force();
        if expected.is_empty() {
            continue;
        }
        let memory = MemoryStorage::default();
        let dir = RunDir::new(Arc::new(memory.clone()), "run");
        let input = case.write_shards(&dir, &mut random);
        let index = case.matrix(&Context::for_tests(case.threads), &dir, input);
        assert_eq!(cells(&dir, &index), expected, "seed {seed}, {:?}", case.window);
        assert_eq!(index.cells as usize, expected.len(), "seed {seed}");
        assert_eq!(index.weight, expected.values().sum::<u64>(), "seed {seed}");
        assert!(!memory.snapshot().keys().any(|path| path.starts_with("run/spill")), "{seed}");
    }
}

#[test]
fn many_runs_are_merged_in_passes() {
    let mut random = Random(SplitMix64(5));
    let lines: Vec<Vec<u32>> =
        (0..900).map(|_| (0..12).map(|_| random.below(300) as u32).collect()).collect();
    let window = WindowConfig {
        window: 4,
        weighting: Weighting::Linear,
        sides: Sides::Both,
        dropped: Dropped::Close,
    };
    let mut counts = vec![0; 300];
    lines.iter().flatten().for_each(|&id| counts[id as usize] += 1);
    let case = Case {
        lines,
        counts,
        window,
        thinning: None,
        chunk_tokens: 60,
        batch_bytes: 2048,
        threads: 2,
    };
    let mut snapshots = Vec::new();
    for threads in [1, 3] {
        let memory = MemoryStorage::default();
        let dir = RunDir::new(Arc::new(memory.clone()), "run");
        let input = case.write_shards(&dir, &mut Random(SplitMix64(9)));
        assert!(input.shards.len() > 64, "more runs than may be open at once");
        let index = case.matrix(&Context::for_tests(threads), &dir, input);
        assert_eq!(cells(&dir, &index), case.brute_force());
        snapshots.push(memory.snapshot());
    }
    assert_eq!(snapshots[0], snapshots[1]);
}

/// Counting and merging that fail at some publication resume and end with the same bytes, also in
/// the middle of the passes that reduce the number of runs.
#[test]
fn a_failure_at_any_publication_changes_nothing() {
    let mut random = Random(SplitMix64(6));
    let line = |random: &mut Random| (0..12).map(|_| random.below(300) as u32).collect();
    let lines: Vec<Vec<u32>> = (0..400).map(|_| line(&mut random)).collect();
    let window = WindowConfig {
        window: 3,
        weighting: Weighting::Harmonic,
        sides: Sides::Both,
        dropped: Dropped::Close,
    };
    let mut counts = vec![0; 300];
    lines.iter().flatten().for_each(|&id| counts[id as usize] += 1);
    let case = Case {
        lines,
        counts,
        window,
        thinning: None,
        chunk_tokens: 70,
        batch_bytes: 64,
        threads: 2,
    };
    let ctx = Context::for_tests(2);
    let prepared = MemoryStorage::default();
    let prepare = |memory: &MemoryStorage| {
        case.write_shards(&RunDir::new(Arc::new(memory.clone()), "run"), &mut Random(SplitMix64(3)))
    };
    let input = prepare(&prepared);
    assert!(input.shards.len() > 64, "more runs than may be open at once");
    let run = |memory: &MemoryStorage, fault: Option<Fault>| {
        let plain: Arc<dyn Storage> = Arc::new(memory.clone());
        let dir = RunDir::new(Arc::new(FaultyStorage::new(plain, fault)), "run");
        case.try_matrix((&ctx, &ctx), &dir, input)
    };
    run(&prepared, None).unwrap();
    let undisturbed = prepared.snapshot();
    let (mut nth, mut failures) = (0, 0);
    loop {
        let memory = MemoryStorage::default();
        prepare(&memory);
        let fault = Fault::full(Operation::Rename, nth);
        if run(&memory, Some(fault)).is_ok() {
            break;
        }
        run(&memory, None).unwrap();
        assert!(memory.snapshot() == undisturbed, "failed at rename {nth}");
        (nth, failures) = (nth + 211, failures + 1);
    }
    assert!(failures > 4, "{failures} failures");
}

/// A row that does not fit into memory is summed one block of columns after the other, both in
/// counting and in merging.
#[test]
fn columns_may_be_added_up_block_by_block() {
    let random = &mut Random(SplitMix64(8));
    let line = |random: &mut Random| (0..25).map(|_| random.below(300) as u32).collect();
    let lines: Vec<Vec<u32>> = (0..200).map(|_| line(random)).collect();
    let window = WindowConfig {
        window: 6,
        weighting: Weighting::Harmonic,
        sides: Sides::Both,
        dropped: Dropped::Close,
    };
    let mut counts = vec![0; 300];
    lines.iter().flatten().for_each(|&id| counts[id as usize] += 1);
    let case = Case {
        lines,
        counts,
        window,
        thinning: None,
        chunk_tokens: 400,
        batch_bytes: 1 << 14,
        threads: 1,
    };
    let mut snapshots = Vec::new();
    for is_narrow in [false, true] {
        let memory = MemoryStorage::default();
        let dir = RunDir::new(Arc::new(memory.clone()), "run");
        let input = case.write_shards(&dir, &mut Random(SplitMix64(2)));
        let (mut counting, mut merging) = (Context::for_tests(1), Context::for_tests(1));
        if is_narrow {
            counting.budget = Budget::new(1_200_000);
            let one = |bytes| Room { bytes, threads: 1 };
            let places = crate::count::PlacesNeeded { largest: 1000, all: 6000 };
            let share = crate::count::Share::new(one(1_200_000), 300, places, None);
            assert!(share.width < 100, "{share:?}");
            // The memory of one worker for the runs of three batches, and a part of the columns.
            let bytes = (2 << 20) + 3 * crate::runs::run::CURSOR_BYTES + 7000;
            merging.budget = Budget::new(bytes);
            assert!(crate::merge::Share::new(one(bytes), 300, 3).width < 150);
        }
        let index = case.try_matrix((&counting, &merging), &dir, input).unwrap();
        assert_eq!(cells(&dir, &index), case.brute_force());
        snapshots.push(memory.snapshot());
    }
    assert!(snapshots[0] == snapshots[1]);
}

fn tile_cells(dir: &RunDir, stripes: &[StripeFile]) -> BTreeMap<(u32, u32), u64> {
    let mut found = BTreeMap::new();
    for stripe in stripes {
        let grid = stripe.grid().grid;
        for column_stripe in 0..grid {
            for section in [TileSection::Hot, TileSection::Cold] {
                let mut cells = Vec::new();
                stripe.segment(column_stripe, section, Segment::WHOLE, &mut cells).unwrap();
                for cell in cells {
                    let id = |local, stripe| local * grid + stripe;
                    let place = (id(cell.row, stripe.stripe()), id(cell.column, column_stripe));
                    assert_eq!(found.insert(place, cell.payload), None, "a cell occurs twice");
                }
            }
        }
    }
    assert!(!dir.storage().list(&dir.path("tiles")).unwrap().is_empty());
    found
}

#[test]
fn tiles_hold_the_matrix_and_do_not_depend_on_threads() {
    for seed in 0..30 {
        let mut random = Random(SplitMix64(1000 + seed));
        let case = Case::random(&mut random);
        let expected = case.brute_force();
        if expected.is_empty() {
            continue;
        }
        let grid = 1 + random.below(6) as u32;
        let mut snapshots = Vec::new();
        for threads in [1, 2] {
            let memory = MemoryStorage::default();
            let dir = RunDir::new(Arc::new(memory.clone()), "run");
            let input = case.write_shards(&dir, &mut Random(SplitMix64(seed)));
            let ctx = Context::for_tests(threads);
            let index = case.matrix(&ctx, &dir, input);
            let config = ShuffleConfig {
                folder: "tiles".into(),
                grid,
                seed: 3,
                fingerprint: "t".into(),
                slots: 0,
                checkpoint_every: std::time::Duration::MAX,
            };
            let source = MatrixCells::new(&dir, &index);
            let stripes = shuffle(&ctx, &dir, &config, &source).unwrap();
            assert_eq!(tile_cells(&dir, &stripes), expected, "seed {seed}");
            snapshots.push(memory.snapshot());
        }
        assert_eq!(snapshots[0], snapshots[1], "seed {seed}");
    }
}

/// Pearson's χ² of the places of the cells of one column group within their section: uniform places
/// give a value near its 15 degrees of freedom; 50 has a probability below 10⁻⁴. The same for which
/// cells are neighbours of which.
#[test]
fn places_in_a_tile_are_uniform() {
    let random = &mut Random(SplitMix64(11));
    let line = |random: &mut Random| (0..40).map(|_| random.below(400) as u32).collect();
    let lines: Vec<Vec<u32>> = (0..3000).map(|_| line(random)).collect();
    let window = WindowConfig {
        window: 5,
        weighting: Weighting::Linear,
        sides: Sides::Both,
        dropped: Dropped::Close,
    };
    let mut counts = vec![0; 400];
    lines.iter().flatten().for_each(|&id| counts[id as usize] += 1);
    let case = Case {
        lines,
        counts,
        window,
        thinning: None,
        chunk_tokens: 9000,
        batch_bytes: 1 << 20,
        threads: 2,
    };
    let dir = RunDir::new(Arc::new(MemoryStorage::default()), "run");
    let input = case.write_shards(&dir, random);
    let ctx = Context::for_tests(2);
    let index = case.matrix(&ctx, &dir, input);
    let config = ShuffleConfig {
        folder: "tiles".into(),
        grid: 1,
        seed: 3,
        fingerprint: "t".into(),
        slots: 0,
        checkpoint_every: std::time::Duration::MAX,
    };
    let stripes = shuffle(&ctx, &dir, &config, &MatrixCells::new(&dir, &index)).unwrap();
    let mut cells = Vec::new();
    stripes[0].segment(0, TileSection::Hot, Segment::WHOLE, &mut cells).unwrap();
    assert!(cells.len() > 100_000, "{} cells", cells.len());
    let chi_square = |observed: [f64; 16]| {
        let expected = observed.iter().sum::<f64>() / 16.0;
        observed.iter().map(|o| (o - expected).powi(2) / expected).sum::<f64>()
    };
    let (mut places, mut neighbours) = ([0f64; 16], [0f64; 16]);
    for (place, cell) in cells.iter().enumerate() {
        if cell.row < 40 {
            places[place * 16 / cells.len()] += 1.0;
            if let Some(next) = cells.get(place + 1) {
                neighbours[next.row as usize * 16 / 400] += 1.0;
            }
        }
    }
    // Rows of a group have different lengths, so neighbours are compared with all cells.
    let mut all = [0f64; 16];
    cells.iter().for_each(|cell| all[cell.row as usize * 16 / 400] += 1.0);
    let share = neighbours.iter().sum::<f64>() / cells.len() as f64;
    let far: f64 =
        neighbours.iter().zip(all).map(|(o, all)| (o - all * share).powi(2) / (all * share)).sum();
    assert!(chi_square(places) < 50.0, "{places:?}");
    assert!(far < 50.0, "{neighbours:?}");
}
