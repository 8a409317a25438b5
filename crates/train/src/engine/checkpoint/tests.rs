//! Tests of what a checkpoint stores beside the model.

use std::sync::Arc;

use super::*;
use crate::engine::curve::CurvePlan;
use crate::engine::metrics::{EpochRow, read_metrics};
use crate::optim::steps::Schedule;
use wordmill_formats::{MemoryStorage, Storage, read_file};

/// A model of one number.
struct Tiny(f32);

impl Kept for Tiny {
    type Reached = Position;
    const KIND: &'static str = "checkpoint";

    fn names(&self) -> Vec<String> {
        vec!["number".into()]
    }

    fn write(&self, writer: &mut TensorWriter) -> Result<(), FormatError> {
        writer.tensor("number", Dtype::F32, &[1], &[self.0])
    }

    fn fits(&self, _: &Position) -> bool {
        true
    }

    fn reset(&mut self) {}

    fn read(&mut self, reader: &TensorReader) -> Result<(), FormatError> {
        read_flat(reader, "number", std::slice::from_mut(&mut self.0))
    }
}

fn plan() -> Plan {
    Plan {
        name: "t".into(),
        epochs: 9,
        rotations: 1,
        rate: 0.05,
        schedule: Schedule::LINEAR,
        seed: 1,
        fingerprint: "f".into(),
        checkpoint_every: Duration::ZERO,
        divergence: Divergence::Stop,
        on_epoch: None,
        curve: CurvePlan { held_out: 0.0, log_every: 1, patience: 0 },
    }
}

fn round(round: u64, epoch: u32) -> RoundRow {
    let loss = 1.0 / (round + 3) as f64;
    RoundRow { round, epoch, loss, weight: 0.1 * loss, visits: 7 * round, rate: 0.05 }
}

fn epoch(epoch: u32) -> EpochRow {
    EpochRow {
        epoch,
        loss: 0.5,
        weight: 1.0,
        visits: 1,
        seconds: 0.1,
        visits_per_second: 10.0,
        rate: None,
        held_out_loss: None,
        gradient_norm: None,
        halvings: 0,
    }
}

/// Beyond some 900,000 rows the header of a checkpoint exceeded the length limit of readers, and training
/// began from scratch.
#[test]
fn rows_of_rounds_made_the_header_too_long_to_be_read() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let (dir, plan) = (RunDir::new(storage, "run"), plan());
    let mut position = Position { rotation: 3, ..Position::default() };
    position.log.rounds = (1..=1_500_000).map(|at| round(at, 1)).collect();
    Checkpoints::new(&dir, &plan).save(&position, &Tiny(4.0)).unwrap();
    let mut model = Tiny(0.0);
    let found = Checkpoints::new(&dir, &plan).load(&mut model).unwrap();
    assert!(found == Some(position) && model.0 == 4.0);
}

#[test]
fn rows_of_rounds_are_written_once_however_often_training_is_interrupted() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let dir = RunDir::new(storage, "run");
    let text = || {
        let path = dir.path("models/t/metrics.jsonl");
        String::from_utf8(read_file(dir.storage(), &path, 1 << 20).unwrap()).unwrap()
    };
    let mut log = TrainingLog::default();
    let mut expected = String::new();
    for number in 1..=3u32 {
        log.epoch = number;
        log.metrics.push(epoch(number));
        log.rounds = (1..=2).map(|at| round(u64::from(number) * 2 + at, number)).collect();
        let rows = log.rounds.clone();
        expected +=
            &rows.iter().map(|row| serde_json::to_string(row).unwrap() + "\n").collect::<String>();
        expected += &(serde_json::to_string(&epoch(number)).unwrap() + "\n");
        log.write_metrics(&dir, "t").unwrap();
        assert!(log.rounds.is_empty());
        assert_eq!(text(), expected);
        // Killed before the checkpoint was written: the epoch is trained and logged again.
        log.rounds = rows;
        log.write_metrics(&dir, "t").unwrap();
        log.write_metrics(&dir, "t").unwrap();
        assert_eq!(text(), expected);
    }
    assert_eq!(read_metrics(&dir, "t"), log.metrics);
    // Restored to the second epoch; the third one has other rows now.
    log.epoch = 2;
    log.metrics.truncate(2);
    log.write_metrics(&dir, "t").unwrap();
    assert!(expected.starts_with(&text()));
    assert_eq!(text().lines().count(), 6);
}

#[test]
fn a_checkpoint_with_rows_in_its_header_still_opens() {
    let old: Position = serde_json::from_str(
        r#"{"epoch":1,"tally":[0,0,0],"seconds":0.0,"metrics":[],"rotation":1,"begun":null,
            "rounds":[{"round":1,"epoch":1,"loss":0.5,"weight":1.0,"visits":2,"rate":0.1},
                      {"round":2,"epoch":2,"loss":0.5,"weight":1.0,"visits":2,"rate":0.1}]}"#,
    )
    .unwrap();
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let path = std::path::Path::new("a.safetensors");
    let mut writer =
        TensorWriter::create(&storage, path, "checkpoint", &["number"], &BTreeMap::new()).unwrap();
    Tiny(1.0).write(&mut writer).unwrap();
    writer.finish().unwrap();
    let mut log = old.log;
    read_rounds(&TensorReader::open(&storage, path).unwrap(), &mut log).unwrap();
    // Those of the first epoch are in the metrics file.
    assert_eq!(log.rounds.iter().map(|row| row.round).collect::<Vec<_>>(), [2]);
}
