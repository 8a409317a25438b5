//! Checks the steps of the stage against the contract of steps; their results are tested with the stages before.

use super::merge::Narrowing;
use super::*;
use crate::test_support::{RecordedRun, TestRun, chunks_of};

#[test]
fn lists_and_remaps_keep_to_their_lists() {
    let text: String = (0..400).map(|n| format!("word{} often w{}\n", n % 37, n % 5)).collect();
    let test = TestRun::new(&[text]);
    test.shards(&chunks_of(300));
    let run = RecordedRun::over(&test.memory);
    let (ctx, shards) = (Context::for_tests(1), TokenShards::open(&run.dir).unwrap());
    let config = VocabularyJob { min_count: 12, ..VocabularyJob::default() };
    let (ranked, _, ids) = count_in_memory(&ctx, &config, &shards).unwrap();
    for ids in [IdSource::Lists, IdSource::Known(ids)] {
        run.check(&Remapping { shards: &shards, vocabulary: 7, ranked: &ranked, ids: &ids }, true);
    }
    let lists: Vec<PathBuf> = shards.ids().iter().map(|id| run.dir.word_list(*id)).collect();
    let (begin, groups) = ("vocab/merge", lists.chunks(3).collect());
    run.check(&Narrowing { run: &run.dir, begin, pass: 0, groups }, false);
}
