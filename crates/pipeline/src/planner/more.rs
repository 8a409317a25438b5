//! What settings of a trainer take beside those that costs were measured with: other losses and optimisers, a start from a file.

use wordmill_train::{Init, Optimizer, TrainConfig, Trainer};

/// Time of training over that with the trainer's own loss and optimiser, whose steps are fused into kernels: of user CPU, on 20 MB of
/// English at dimension 100 (`benches/runs/2026-11-24-zen4-2core-losses`).
mod factor {
    /// Steps of any rule, for which a gradient is written out: of negative sampling, hierarchical softmax, GloVe.
    pub const SGD: [f64; 3] = [1.3, 2.2, 1.2];
    pub const ROW_ADAGRAD: [f64; 3] = [1.35, 2.3, 1.5];
    pub const ADAGRAD: [f64; 3] = [1.7, 2.5, 1.95];
    pub const ADAM: [f64; 3] = [3.3, 6.3, 5.5];
    /// Those of GloVe with a sum a vector are fused, too.
    pub const GLOVE_ROWS: f64 = 0.8;
    /// Reading all cells for those that are held out, and a look at these over training as many.
    pub const READ: f64 = 0.15;
    pub const LOOK: f64 = 2.0;
}

/// What time is multiplied with.
pub(super) fn time(trainer: &TrainConfig) -> f64 {
    let (kind, own) = match trainer.trainer {
        Trainer::NegativeSampling(_) => (0, Optimizer::Sgd),
        Trainer::HierarchicalSoftmax(_) => (1, Optimizer::Sgd),
        Trainer::Glove(_) => (2, Optimizer::Adagrad),
        // One loss, one optimiser; what is held out is looked at as fast as it would be trained.
        Trainer::Windows(_) => return 1.0,
    };
    let steps = &trainer.steps;
    let has_penalties = steps.penalties.are_on();
    let by_steps = match steps.optimizer {
        optimizer if optimizer == own && !has_penalties => 1.0,
        Optimizer::RowAdagrad if kind == 2 && !has_penalties => factor::GLOVE_ROWS,
        Optimizer::Sgd => factor::SGD[kind],
        Optimizer::RowAdagrad => factor::ROW_ADAGRAD[kind],
        Optimizer::Adagrad => factor::ADAGRAD[kind],
        Optimizer::Adam { .. } => factor::ADAM[kind],
    };
    let by_loss = trainer.loss.as_ref().map_or(1.0, |loss| loss.time_factor());
    let share = trainer.curve.held_out;
    let look = if share > 0.0 { factor::READ + share * (factor::LOOK - 1.0) } else { 0.0 };
    by_steps * by_loss + look
}

/// Bytes of memory a word: where it stands in the file, and whether it moves.
pub(super) fn memory_a_word(trainer: &TrainConfig) -> f64 {
    let init = if trainer.start.init.is_some() { 4.0 } else { 0.0 };
    init + if trainer.start.freeze.is_some() { 0.125 } else { 0.0 }
}

/// Bytes on the disk a word: rows of a file that can only be read from front to back.
pub(super) fn disk_a_word(trainer: &TrainConfig) -> f64 {
    match trainer.start.init {
        Some(Init::File(_)) => 4.0 * trainer.passes.dim as f64 + 4.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    /// The first trainer of the template with other settings.
    fn of(sets: &[&str]) -> TrainConfig {
        let sets = sets.iter().map(|&set| set.to_owned()).collect();
        Config::load(&Sources { sets, ..Sources::default() }).unwrap().train.swap_remove(0)
    }

    #[test]
    fn what_is_not_fused_takes_longer() {
        assert_eq!(time(&of(&[])), 1.0);
        for sets in [
            &["train.0.optimizer=adam"][..],
            &["train.0.max_norm=3"],
            &["train.0.loss=focal"],
            &["train.0.held_out=0.1"],
        ] {
            assert!(time(&of(sets)) > 1.0, "{sets:?}");
        }
        assert_eq!(memory_a_word(&of(&["train.0.init=v.bin", "train.0.freeze=w"])), 4.125);
        assert!(disk_a_word(&of(&["train.0.init=v.bin"])) > 400.0);
        assert_eq!(disk_a_word(&of(&[])), 0.0);
    }
}
