//! Files that are intact but do not belong together: `verify` finds them, `run` refuses them, and those of
//! another version are stale.

use crate::bad_input::{damaged, said};
use crate::support::{Place, TINY, Tree, assert_same, tiny, tiny_artefacts, tree};

/// A finished run of the same settings on another text.
fn other() -> Tree {
    let place = Place::new(TINY);
    place.run("run", &["--set", "corpus.inputs=builtin:sample:310KB", "--seed", "2"]).expect(0);
    tree(&place.path("run"))
}

/// Replaces a file by one of another run, in the ledger, too, so that it is intact.
fn put_stranger(files: &mut Tree, name: &str, other: &Tree) {
    let row = |tree: &Tree| {
        let ledger: serde_json::Value = serde_json::from_slice(&tree["run.json"]).unwrap();
        let stages = ledger["stages"].as_array().unwrap().clone();
        let rows = stages.iter().flat_map(|row| row["outputs"].as_array().unwrap().clone());
        rows.into_iter().find(|row| row["path"] == name).unwrap()
    };
    let (ours, theirs) = (row(files), row(other));
    let mut ledger: serde_json::Value = serde_json::from_slice(&files["run.json"]).unwrap();
    for stage in ledger["stages"].as_array_mut().unwrap() {
        for output in stage["outputs"].as_array_mut().unwrap() {
            if *output == ours {
                *output = theirs.clone();
            }
        }
    }
    files.insert("run.json".into(), serde_json::to_vec_pretty(&ledger).unwrap());
    files.insert(name.into(), other[name].clone());
}

#[test]
fn verify_finds_files_that_do_not_belong_together() {
    let other = other();
    let cases = [
        ("tokens/shard-00000-00003.tok", "vocabulary"),
        ("tokens/shard-00000-00003.words", "vocabulary"),
        ("vocab/remap-00000-00003.bin", "vocabulary"),
        ("vocab/vocabulary.safetensors", "vocabulary"),
        ("matrix/rows-00003-of-00017.safetensors", "merge"),
        ("matrix/index.json", "merge"),
        ("tiles/stripe-004.tiles", "shuffle"),
        ("vectors/sgns.safetensors", "train:sgns"),
        ("vectors/hs.safetensors", "train:hs"),
    ];
    let names: Vec<&String> = tiny().keys().filter(|name| other.contains_key(*name)).collect();
    for (name, stage) in cases {
        // Another text may have another number of shards.
        let begin = name.split("-of-").next().unwrap();
        let name = names.iter().find(|it| it.starts_with(begin));
        let name = name.unwrap_or_else(|| panic!("{begin} is not in both"));
        let place = damaged(|files| put_stranger(files, name, &other));
        let done = place.wordmill(&["verify", "run"]);
        let text = said(&done);
        assert_eq!(done.code(), Some(4), "{name}: {text}");
        let begin = format!("{stage} ");
        let damage =
            |line: &str| line.starts_with(&begin) && line.contains("goes on from the stage");
        assert!(text.lines().any(damage), "{name}: {text}");
    }
}

#[test]
fn a_run_refuses_files_of_another_run() {
    let other = other();
    for (name, gone) in [
        ("vocab/vocabulary.safetensors", "matrix/index.json"),
        ("vocab/remap-00000-00003.bin", "matrix/index.json"),
        ("tiles/stripe-004.tiles", "vectors/sgns.safetensors"),
        ("vocab/vocabulary.safetensors", "vectors/glove.safetensors"),
    ] {
        let place = damaged(|files| {
            // As long as the listed one, so that its length does not show the difference.
            put_stranger(files, name, &other);
            let mut ledger: serde_json::Value = serde_json::from_slice(&files["run.json"]).unwrap();
            for stage in ledger["stages"].as_array_mut().unwrap() {
                for output in stage["outputs"].as_array_mut().unwrap() {
                    if output["path"] == name {
                        output["xxh3"] = "0123456789abcdef".into();
                    }
                }
            }
            files.insert("run.json".into(), serde_json::to_vec_pretty(&ledger).unwrap());
            files.remove(gone);
        });
        place.run("run", &[]).refused(name, 4, &[name, "not the file that run.json lists"]);
    }
}

#[test]
fn a_run_of_another_version_is_refused_until_a_rebuild() {
    let place = damaged(|files| {
        let mut ledger: serde_json::Value = serde_json::from_slice(&files["run.json"]).unwrap();
        ledger["stages"][2]["fingerprint"] = "0123456789abcdef".into();
        files.insert("run.json".into(), serde_json::to_vec_pretty(&ledger).unwrap());
    });
    let says = ["the computation was that of another version", "stage cooccur"];
    place.run("run", &[]).refused("another version", 2, &says);
    // The ledger knows the pipeline of the run that was copied.
    let ledger = std::fs::read_to_string(place.path("run/run.json")).unwrap();
    let mut ledger: serde_json::Value = serde_json::from_str(&ledger).unwrap();
    ledger["pipeline"]["file"] = place.path("pipeline.toml").to_str().unwrap().into();
    place.write("run/run.json", ledger.to_string());
    let status = said(&place.wordmill(&["status", "run"]).expect(0));
    assert!(status.contains("another version") && status.contains("stale"), "{status}");
    let made = place.made("run", &["--rebuild"]);
    assert_same("rebuilt", &tiny_artefacts(), &made);
}

#[test]
fn verify_reports_files_that_no_stage_lists() {
    let place = damaged(|files| {
        files.insert("tiles/stripe-003.tiles.partial".into(), vec![1; 2000]);
    });
    let done = said(&place.wordmill(&["verify", "run"]).expect(0));
    let line = "tiles/stripe-003.tiles.partial: 2.0 KiB, no part of the run";
    assert!(done.contains(line), "{done}");
    let made = place.made("run", &[]);
    assert_same("the next run has removed it", &tiny_artefacts(), &made);
}

#[test]
fn rewritten_shards_belong_to_their_sources() {
    let place = Place::new(TINY);
    let run = |dir: &str, seed: &str| {
        let sets = [
            "corpus.tokenizer=bpe",
            "corpus.bpe_merges=50",
            "corpus.duplicate_lines=drop",
            "phrases.passes=1",
        ];
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let args: Vec<&str> = sets.chain(["--until", "vocabulary", "--seed", seed]).collect();
        place.run(dir, &args).expect(0);
        place.wordmill(&["verify", dir]).expect(0);
        tree(&place.path(dir))
    };
    let (ours, other) = (run("ours", "1"), run("other", "2"));
    for (folder, stage) in [("tokens", "dedup"), ("dedup", "pieces"), ("pieces", "phrases")] {
        let mut files = ours.clone();
        put_stranger(&mut files, &format!("{folder}/shard-00000-00001.tok"), &other);
        place.put_tree(folder, &files);
        let done = place.wordmill(&["verify", folder]);
        let text = said(&done);
        let what = format!("it was built from another shard than the one in {folder}");
        assert_eq!(done.code(), Some(4), "{folder}: {text}");
        assert!(text.contains(&what) && text.contains(&format!("{stage}/shard-")), "{text}");
    }
}
