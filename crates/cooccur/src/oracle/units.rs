//! Checks every step of counting and merging against the contract of steps.

use std::collections::BTreeMap;
use std::sync::Mutex;

use wordmill_flow::{Context, Step as _, run_in_turn, run_step};
use wordmill_formats::Storage as _;
use wordmill_kernels::random::SplitMix64;

use super::{Case, Random};
use crate::count::batches::{Batches, Waiting};
use crate::merge::passes::{Pass, groups};
use crate::merge::{Merging, merge_units};
use crate::runs::run::RunWeights;
use crate::runs::spill::{batch_path, recover};
use crate::test_support::RecordedRun;
use crate::{CountConfig, Dropped, MergeConfig, RowRanges, Sides, Weighting, WindowConfig};

#[test]
fn batches_passes_and_ranges_keep_to_their_lists() {
    let mut random = Random(SplitMix64(12));
    let line = |random: &mut Random| (0..90).map(|_| random.below(300) as u32).collect();
    // Lines span several shards, so batches read shards of others for the windows at their
    // beginning.
    let lines: Vec<Vec<u32>> = (0..50).map(|_| line(&mut random)).collect();
    let window = WindowConfig {
        window: 3,
        weighting: Weighting::Harmonic,
        sides: Sides::Both,
        dropped: Dropped::Gap,
    };
    let mut counts = vec![0; 300];
    lines.iter().flatten().for_each(|&id| counts[id as usize] += 1);
    let (thinning, chunk_tokens, batch_bytes, threads) = (None, 35, 256, 1);
    let case = Case { lines, counts, window, thinning, chunk_tokens, batch_bytes, threads };
    let run = RecordedRun::new();
    let (ctx, dir) = (Context::for_tests(1), &run.dir);
    let input = case.write_shards(dir, &mut random);
    let config = CountConfig {
        window,
        thinning: None,
        fingerprint: "f".into(),
        batch_bytes: Some(case.batch_bytes),
    };
    let ranges = RowRanges::new(&case.counts, window.window);
    let waiting = Waiting::new(dir, &config, input, &recover(dir, "f").unwrap()).unwrap();
    let batches = Batches::new(&ctx, dir, &config, input, &ranges, &waiting);
    assert!(batches.units() > 64, "more runs than may be open at once");
    assert_ne!(batches.unit(1).reads, batches.unit(0).reads);
    run.check(&batches, true);
    let progress = ctx.progress.stage("cooccur", "tokens", 0);
    run_in_turn(&ctx, &batches, &progress).unwrap();
    // One batch is lost: it reads shards that others cover.
    run.memory.remove(&batch_path(dir, 1)).unwrap();
    let recovered = recover(dir, "f").unwrap();
    let waiting = Waiting::new(dir, &config, input, &recovered).unwrap();
    let batches = Batches::new(&ctx, dir, &config, input, &ranges, &waiting);
    assert_eq!(batches.units(), 1);
    assert!(batches.unit(0).reads.contains(&dir.token_shard(input.shards[0])));
    run.check(&batches, true);
    run_in_turn(&ctx, &batches, &progress).unwrap();

    let list = recover(dir, "f").unwrap().list;
    let groups = groups(&list.runs);
    assert!(!groups.is_empty());
    let list = Mutex::new(list);
    let weights = RunWeights { unit: window.unit(), samples: 1 };
    let (ctx_, ranges_, list_) = (&ctx, &ranges, &list);
    let pass = Pass { ctx: ctx_, dir, ranges: ranges_, weights, width: 300, groups, list: list_ };
    run.check(&pass, false);
    run_step(&ctx, &pass, 1).unwrap();
    drop(pass);

    let list = list.into_inner().unwrap();
    let config = MergeConfig {
        unit: window.unit(),
        samples: 1,
        fingerprint: "f".into(),
        vocabulary: "v".into(),
        settings: BTreeMap::new(),
    };
    let merging = Merging::new(&ctx, dir, &config, &ranges, &list);
    run.check(&merging, true);
    let listed: Vec<_> = merge_units(dir, &ranges, &list).collect();
    assert_eq!(listed, (0..merging.units()).map(|at| merging.unit(at)).collect::<Vec<_>>());
}
