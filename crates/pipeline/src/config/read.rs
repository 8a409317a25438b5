//! From layers to a [`Config`]: every section, key by key, with its range.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use super::choice::{Choice, did_you_mean};
use super::choice::{Dropped, Model, Objective};
use super::choice::{OnDivergence, Preset, TrainSource};
use super::corpus::corpus;
use super::curve::CurveConfig;
use super::error::ConfigError;
use super::layers::Layers;
use super::loss::LossConfig;
use super::phrases::phrases;
use super::preset::{CountDefaults, Defaults, misplaced};
use super::section::Section;
use super::start::StartConfig;
use super::steps::StepsConfig;
use super::windows::WindowsTrainer;
use super::{Config, CooccurConfig, EvalConfig, RunConfig};
use super::{TilesConfig, TrainConfig, Trainer, VocabularyConfig};

const SECTIONS: [&str; 8] =
    ["run", "corpus", "phrases", "vocabulary", "cooccur", "tiles", "train", "eval"];
/// Below this the fixed buffers of the stages have no room.
pub const LEAST_MEMORY: u64 = 32 << 20;
/// A checkpoint of a model of 1 GB takes about a second.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// TOML's whole numbers end here.
const LARGEST: u64 = i64::MAX as u64;

/// Reads everything, and fails on the first key that is wrong or unknown.
pub(super) fn read(layers: &Layers) -> Result<Config, ConfigError> {
    for section in layers.table.keys() {
        if !SECTIONS.contains(&section.as_str()) {
            let guess = did_you_mean(section, SECTIONS);
            let known = SECTIONS.join(", ");
            let what = format!("{section}: unknown section{guess}; known are {known}");
            return Err(ConfigError::new(layers.place(section), what));
        }
    }
    let run = run(layers)?;
    let corpus = corpus(layers)?;
    let phrases = phrases(layers)?;
    let vocabulary = vocabulary(layers)?;
    let cooccur = cooccur(layers)?;
    let tiles = tiles(layers)?;
    let train = trainers(layers, &cooccur)?;
    Ok(Config { run, corpus, phrases, vocabulary, cooccur, tiles, train, eval: eval(layers)? })
}

fn run(layers: &Layers) -> Result<RunConfig, ConfigError> {
    let mut section = Section::new(layers, "run")?;
    let dir = section.text("dir")?.unwrap_or_else(|| "run".into());
    if dir.is_empty() {
        return Err(section.error("dir", "expected a folder, found an empty text"));
    }
    let config = RunConfig {
        dir: dir.into(),
        memory_bytes: section.size("memory", LEAST_MEMORY..=1 << 50, 1 << 30)?,
        threads: section.whole("threads", 0..=4096, 0)? as usize,
        seed: section.whole("seed", 0..=LARGEST, 1)?,
        checkpoint_every: section.duration("checkpoint_every", CHECKPOINT_EVERY)?,
    };
    section.finish(|_| None)?;
    Ok(config)
}

fn vocabulary(layers: &Layers) -> Result<VocabularyConfig, ConfigError> {
    let mut section = Section::new(layers, "vocabulary")?;
    let config = VocabularyConfig {
        min_count: section.whole("min_count", 1..=LARGEST, 5)?,
        max_size: section.whole("max_size", 0..=u64::from(u32::MAX), 0)?,
        keep: section.path("keep")?,
        drop: section.path("drop")?,
    };
    section.finish(|_| None)?;
    Ok(config)
}

fn cooccur(layers: &Layers) -> Result<CooccurConfig, ConfigError> {
    let mut section = Section::new(layers, "cooccur")?;
    let defaults = CountDefaults::of(shared_preset(layers));
    let config = CooccurConfig {
        window: section.whole("window", 1..=255, defaults.window)? as u8,
        weighting: section.choice("weighting", defaults.weighting)?,
        symmetric: section.flag("symmetric", true)?,
        dropped: section.choice("dropped", Dropped::Close)?,
        subsample: subsample(&mut section, defaults.subsample)?,
        samples: section.whole("samples", 0..=64, 0)? as u32,
    };
    section.finish(|_| None)?;
    Ok(config)
}

/// The preset of all trainers; ours where they have several, or one that is none.
fn shared_preset(layers: &Layers) -> Preset {
    let rows = layers.table.get("train").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let preset = |row: &Value| {
        let name = row.get("preset").and_then(Value::as_str).unwrap_or_default();
        Preset::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, preset)| preset)
    };
    let first = rows.first().and_then(preset);
    first
        .filter(|&first| rows.iter().all(|row| preset(row) == Some(first)))
        .unwrap_or(Preset::Wordmill)
}

fn tiles(layers: &Layers) -> Result<TilesConfig, ConfigError> {
    let mut section = Section::new(layers, "tiles")?;
    let grid = section.whole("grid", 0..=256, 0)? as u32;
    section.finish(|_| None)?;
    Ok(TilesConfig { grid })
}

fn eval(layers: &Layers) -> Result<EvalConfig, ConfigError> {
    let mut section = Section::new(layers, "eval")?;
    let paths = |list: Option<Vec<String>>| {
        let list = list.unwrap_or_default();
        list.into_iter().map(PathBuf::from).collect()
    };
    let config = EvalConfig {
        analogies: paths(section.list("analogies")?),
        similarity: paths(section.list("similarity")?),
        outliers: paths(section.list("outliers")?),
        top: section.whole("top", 0..=u64::from(u32::MAX), 30_000)? as usize,
    };
    section.finish(|_| None)?;
    Ok(config)
}

fn trainers(layers: &Layers, counts: &CooccurConfig) -> Result<Vec<TrainConfig>, ConfigError> {
    let Some(Value::Array(rows)) = layers.table.get("train") else {
        let what = "train: expected tables [[train]], with two brackets";
        return Err(ConfigError::new(layers.place("train"), what));
    };
    let (mut configs, mut names) = (Vec::new(), BTreeSet::new());
    for (index, row) in rows.iter().enumerate() {
        let path = format!("train.{index}");
        let Value::Table(table) = row else {
            let what = format!("{path}: expected a table [[train]]");
            return Err(ConfigError::new(layers.place(&path), what));
        };
        let mut section = Section::of(layers, &path, table.clone());
        let name = name(&mut section)?;
        // Names become files, and some file systems do not tell letter case apart.
        if !names.insert(name.to_ascii_lowercase()) {
            let what = format!("{name:?} is the name of another trainer; choose another name");
            return Err(section.error("name", what));
        }
        let config = trainer(name, section, counts, &configs)?;
        configs.push(config);
    }
    Ok(configs)
}

fn name(section: &mut Section<'_>) -> Result<String, ConfigError> {
    let why = "it becomes vectors/NAME.safetensors";
    let Some(name) = section.text("name")? else {
        return Err(section.error("name", format!("missing; give the trainer a name, {why}")));
    };
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.len() <= 64 && name.chars().all(letter) {
        true => Ok(name),
        false => {
            let what = format!("expected 1 to 64 of A-Z a-z 0-9 _ - ({why}), found {name:?}");
            Err(section.error("name", what))
        }
    }
}

fn trainer(
    name: String,
    mut section: Section<'_>,
    counts: &CooccurConfig,
    before: &[TrainConfig],
) -> Result<TrainConfig, ConfigError> {
    let model = section.choice("model", Model::SkipGram)?;
    let preset = section.choice("preset", Preset::Wordmill)?;
    let objective = match model {
        Model::Glove => None,
        Model::SkipGram | Model::Cbow => {
            Some(section.choice("objective", Objective::NegativeSampling)?)
        }
    };
    let source = source(&mut section, model)?;
    let Some(mut defaults) = Defaults::of(preset, (model, source), objective) else {
        return Err(section.error("preset", misplaced(preset)));
    };
    if counts.subsample > 0.0 && source == TrainSource::Matrix {
        defaults.subsample = defaults.subsample.min(counts.subsample);
    }
    let of_cells = ["x_max", "alpha"].into_iter().find(|key| section.has(key));
    let trainer = match (objective, source) {
        (Some(objective), TrainSource::Windows) => {
            let what = (model, objective);
            Trainer::Windows(WindowsTrainer::read(&mut section, what, &defaults, counts)?)
        }
        (Some(Objective::NegativeSampling), _) => negative_sampling(&mut section, &defaults)?,
        (Some(Objective::HierarchicalSoftmax), _) => hierarchical_softmax(&mut section, &defaults)?,
        (None, _) => glove(&mut section, &defaults)?,
    };
    let steps = StepsConfig::read(&mut section, &trainer)?;
    check_subsample(&section, &trainer, counts)?;
    let loss = match LossConfig::is_for(&trainer) {
        true => LossConfig::read(&mut section, &trainer)?,
        false => None,
    };
    if let (Some(LossConfig::Cell(_)), Some(key)) = (&loss, of_cells) {
        let what = "not used by a loss that is written as an expression; put the number into it";
        return Err(section.error(key, what));
    }
    let rate = |x| x > 0.0 && x <= 10.0;
    let dim = section.whole("dim", 1..=10_000, defaults.dim)? as usize;
    let config = TrainConfig {
        dim,
        epochs: section.whole("epochs", 1..=100_000, defaults.epochs)? as u32,
        rate: section.real(
            "rate",
            "a number above 0, at most 10",
            rate,
            steps.rate(&trainer, defaults.rate),
        )?,
        rotations: match trainer.reads_text() {
            true => 1,
            false => section.whole("rotations", 1..=1024, defaults.rotations)? as u32,
        },
        steps,
        loss,
        start: StartConfig::read(&mut section, dim, before)?,
        curve: CurveConfig::read(&mut section)?,
        on_epoch: section.text("on_epoch")?.unwrap_or_default(),
        on_divergence: section.choice("on_divergence", OnDivergence::Stop)?,
        name,
        trainer,
    };
    section.finish(|key| steps.unused(key, &trainer).or_else(|| unused(key, &trainer)))?;
    Ok(config)
}

/// Counts of a thinned text do not have what was left out of it.
fn check_subsample(
    section: &Section<'_>,
    trainer: &Trainer,
    counts: &CooccurConfig,
) -> Result<(), ConfigError> {
    if let Some(share) =
        trainer.subsample().filter(|&share| share == 0.0 || share > counts.subsample)
        && counts.subsample > 0.0
    {
        let what = format!(
            "{share} leaves more than the counts have, which are thinned out at cooccur.subsample = {}; \
             choose a share up to that, or raise cooccur.subsample or set it to 0",
            counts.subsample
        );
        return Err(section.error("subsample", what));
    }
    Ok(())
}

/// What the trainer reads: CBOW needs whole windows, GloVe counts.
fn source(section: &mut Section<'_>, model: Model) -> Result<TrainSource, ConfigError> {
    let default = if model == Model::Cbow { TrainSource::Windows } else { TrainSource::Matrix };
    let source = section.choice("source", default)?;
    if source != default && model != Model::SkipGram {
        let (found, known, model) = (source.name(), default.name(), model.name());
        let what = format!("{found:?} is not for model = {model:?}; use {known:?} or leave it out");
        return Err(section.error("source", what));
    }
    Ok(source)
}

pub(super) fn exponent(section: &mut Section<'_>, defaults: &Defaults) -> Result<f64, ConfigError> {
    let exponent = |x: f64| x.abs() <= 2.0;
    let what = "a number from -2 to 2";
    section.real("noise_exponent", what, exponent, defaults.noise_exponent)
}

fn negative_sampling(
    section: &mut Section<'_>,
    defaults: &Defaults,
) -> Result<Trainer, ConfigError> {
    Ok(Trainer::NegativeSampling {
        negatives: section.whole("negatives", 1..=1000, 5)? as u32,
        noise_exponent: exponent(section, defaults)?,
        subsample: subsample(section, defaults.subsample)?,
        context_rates: section.choice("context_rates", defaults.context_rates)?,
    })
}

fn hierarchical_softmax(
    section: &mut Section<'_>,
    defaults: &Defaults,
) -> Result<Trainer, ConfigError> {
    let cap = |x| x > 0.0 && x <= 1e6;
    Ok(Trainer::HierarchicalSoftmax {
        subsample: subsample(section, defaults.subsample)?,
        cap: section.real("cap", "a number above 0, at most 1000000", cap, 8.0)?,
    })
}

fn glove(section: &mut Section<'_>, defaults: &Defaults) -> Result<Trainer, ConfigError> {
    let x_max = |x| x > 0.0 && x <= 1e12;
    let alpha = |x| (0.0..=4.0).contains(&x);
    Ok(Trainer::Glove {
        x_max: section.real("x_max", "a number above 0", x_max, defaults.x_max)?,
        alpha: section.real("alpha", "a number from 0 to 4", alpha, 0.75)?,
    })
}

pub(super) fn subsample(section: &mut Section<'_>, default: f64) -> Result<f64, ConfigError> {
    let share = |x| (0.0..=1.0).contains(&x);
    let what = "0 (off) or a share of the corpus up to 1";
    section.real("subsample", what, share, default)
}

/// Why a key that exists has no business with this trainer.
fn unused(key: &str, trainer: &Trainer) -> Option<String> {
    let users = match key {
        "objective" => "skip-gram and CBOW",
        "negatives" | "noise_exponent" => "skip-gram and CBOW with negative sampling",
        "context_rates" => "skip-gram with negative sampling from the matrix",
        "cap" => "skip-gram with hierarchical softmax from the matrix",
        "subsample" => "skip-gram and CBOW",
        "rotations" => "trainers of the matrix",
        "window" | "window_mode" | "deterministic" => {
            "CBOW, and skip-gram with source = \"windows\""
        }
        "context" | "cbow_compat" => "CBOW",
        "x_max" | "alpha" => "GloVe",
        "loss" => "skip-gram with negative sampling from the matrix and GloVe",
        _ => return None,
    };
    Some(format!("not used by {trainer}, only by {users}; remove it"))
}
