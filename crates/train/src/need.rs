//! What a trainer takes. Times are those of the trainer's own loss and optimiser, whose steps are fused into kernels,
//! multiplied by the factors of others. They are user CPU times, on 20 MB of English at dimension 100
//! (`benches/runs/2026-11-24-zen4-2core-losses`).

use wordmill_flow::{Need, Room, Sizes};
use wordmill_kernels::padded;

use crate::config::{Init, TrainConfig, Trainer};
use crate::optim::steps::Optimizer;
use crate::windows;
use crate::windows::config::{Prediction, WindowModel, WindowsConfig};

/// Nanoseconds of a core per token of the text if windows are trained, at dimension 100 and, for skip-gram, a window of
/// 5.
const CBOW_WORD: f64 = 420.0;
const CBOW_PATH: f64 = 700.0;
const PAIRED_WORD: f64 = 800.0;
const PAIRED_PATH: f64 = 1600.0;

/// Factors of steps by any rule, for which a gradient is written out: negative sampling, hierarchical
/// softmax, GloVe.
const SGD: [f64; 3] = [1.3, 2.2, 1.2];
const ROW_ADAGRAD: [f64; 3] = [1.35, 2.3, 1.5];
const ADAGRAD: [f64; 3] = [1.7, 2.5, 1.95];
const ADAM: [f64; 3] = [3.3, 6.3, 5.5];
/// GloVe with one sum per vector is fused, too.
const GLOVE_ROWS: f64 = 0.8;
/// Reading all cells to find the held-out ones, and a look at these, relative to training as many.
const READ: f64 = 0.15;
const LOOK: f64 = 2.0;

/// The share of cells that are visited in every rotation.
const HOT_CELLS: f64 = 0.3;
/// The least memory in which cells are dealt to tiles.
const DEALING_BYTES: f64 = 12e6;

/// What a trainer takes; the matrix has `grid` stripes per side.
#[must_use]
pub fn need(trainer: &TrainConfig, sizes: &Sizes, room: Room, grid: u32) -> Need {
    let dim = trainer.passes.dim as f64;
    let row = padded(trainer.passes.dim) as f64 * 4.0;
    let flops = dim * f64::from(trainer.passes.epochs);
    // Floating-point operations per second that a core reaches in each kernel at a dimension of
    // 100.
    let part = 1.0 / f64::from(trainer.rotations.max(1));
    // Work, bytes of its own tiles, and bytes per cell that a pass over a tile needs.
    let (work, tiles, pass) = match trainer.trainer {
        // Six window positions per token; each visit is a positive and half a group's negatives.
        Trainer::NegativeSampling(_) => {
            (sizes.tokens * 4.7 * 17.0 * 6.0 / 77e9, 0.0, (part + HOT_CELLS) * 64.0)
        }
        // Four node cells per matrix cell, six bytes each, dealt and put into slots.
        Trainer::HierarchicalSoftmax(_) => (
            sizes.cells * 4.0 * 6.0 / 9e9,
            sizes.cells * 4.0 * 12.0,
            (part + HOT_CELLS) * 4.0 * 28.0,
        ),
        Trainer::Glove(_) => (sizes.cells * 14.0 / 13e9, 0.0, part * 56.0),
        Trainer::Windows(config) => return windows_need(trainer, &config, sizes, room),
    };
    // Vectors of both sides, and the state of the optimiser.
    let kept = match trainer.steps.optimizer {
        Optimizer::Sgd | Optimizer::RowAdagrad => 1.0,
        Optimizer::Adagrad => 2.0,
        Optimizer::Adam { .. } => 3.0,
    };
    let model = sizes.words * row * 2.0 * kept;
    let tables = sizes.words * (80.0 + memory_a_word(trainer));
    let left = room.bytes as f64 - tables;
    // What does not fit goes through pages, at least three of which are in memory.
    let pages = if model > left { model } else { 0.0 };
    // Two stripes that are trained, one that is loaded or stored, and the passes over a tile for each
    // thread.
    let page = model / (2.0 * sizes.words).max(1.0) * (sizes.words / f64::from(grid)).ceil();
    let passes =
        pass * sizes.cells / f64::from(grid).powi(2) * (room.threads as f64).min(f64::from(grid));
    let dealing = if tiles > 0.0 { DEALING_BYTES } else { 0.0 };
    let vectors = sizes.words * dim * 8.0;
    // Dealt node cells stay in memory if there is room.
    let dealt = (tiles / 2.0).min(left.max(0.0) * 2.0 / 3.0);
    let more = sizes.words * disk_a_word(trainer);
    Need {
        least_bytes: tables + (passes + model.min(3.0 * page)).max(dealing),
        memory_bytes: tables + (passes + model.min(left.max(0.0))).max(dealt),
        scratch_bytes: tiles + vectors + 2.0 * model + pages + more,
        left_bytes: vectors,
        files: 300.0,
        core_seconds: work * flops * time(trainer),
        wait_seconds: 0.0,
    }
}

/// A trainer that reads the text: the model is in memory, and so are the copies of each reader.
fn windows_need(trainer: &TrainConfig, config: &WindowsConfig, sizes: &Sizes, room: Room) -> Need {
    let dim = trainer.passes.dim as f64;
    let window = f64::from(config.text.window);
    let is_tree = config.prediction == Prediction::Tree;
    let nanoseconds = match (config.model, is_tree) {
        (WindowModel::Cbow(_), false) => CBOW_WORD,
        (WindowModel::Cbow(_), true) => CBOW_PATH,
        (WindowModel::SkipGram, false) => PAIRED_WORD * window / 5.0,
        (WindowModel::SkipGram, true) => PAIRED_PATH * window / 5.0,
    };
    let threads = room.threads as f64;
    let readers = windows::readers(config, room.threads as usize);
    let words = sizes.words.min(f64::from(u32::MAX)) as u32;
    let remap = 4 * u64::from(words);
    let bytes = windows::needed_bytes(config, trainer.passes.dim, [words; 2], remap, readers);
    let memory = bytes as f64 + sizes.words * memory_a_word(trainer);
    let model = 2.0 * sizes.words * padded(trainer.passes.dim) as f64 * 4.0;
    let readers = readers as f64;
    let vectors = sizes.words * dim * 8.0;
    let work = sizes.tokens * nanoseconds * dim / 100.0 * f64::from(trainer.passes.epochs);
    Need {
        least_bytes: memory,
        memory_bytes: memory,
        scratch_bytes: vectors + 2.0 * model + sizes.words * disk_a_word(trainer),
        left_bytes: vectors,
        files: 5.0 + readers,
        core_seconds: 1e-9 * work * threads / threads.min(readers),
        wait_seconds: 0.0,
    }
}

/// The factor of time for other losses and optimisers, and for held-out cells.
fn time(trainer: &TrainConfig) -> f64 {
    let kind = match trainer.trainer {
        Trainer::NegativeSampling(_) => 0,
        Trainer::HierarchicalSoftmax(_) => 1,
        Trainer::Glove(_) => 2,
        // One loss, one optimiser; held-out cells are evaluated as fast as they would be trained.
        Trainer::Windows(_) => return 1.0,
    };
    let steps = &trainer.steps;
    let has_penalties = steps.penalties.are_on();
    let by_steps = match steps.optimizer {
        optimizer if optimizer == trainer.trainer.optimizer() && !has_penalties => 1.0,
        Optimizer::RowAdagrad if kind == 2 && !has_penalties => GLOVE_ROWS,
        Optimizer::Sgd => SGD[kind],
        Optimizer::RowAdagrad => ROW_ADAGRAD[kind],
        Optimizer::Adagrad => ADAGRAD[kind],
        Optimizer::Adam { .. } => ADAM[kind],
    };
    let by_loss = trainer.loss.as_ref().map_or(1.0, |loss| loss.time_factor());
    let share = trainer.curve.held_out;
    let look = if share > 0.0 { READ + share * (LOOK - 1.0) } else { 0.0 };
    by_steps * by_loss + look
}

/// Bytes of memory per word: its row in the file of initial vectors, and whether it moves.
fn memory_a_word(trainer: &TrainConfig) -> f64 {
    let init = if trainer.start.init.is_some() { 4.0 } else { 0.0 };
    init + if trainer.start.freeze.is_some() { 0.125 } else { 0.0 }
}

/// Bytes on the disk per word: rows of a file that can only be read sequentially.
fn disk_a_word(trainer: &TrainConfig) -> f64 {
    match trainer.start.init {
        Some(Init::File(_)) => 4.0 * trainer.passes.dim as f64 + 4.0,
        _ => 0.0,
    }
}
