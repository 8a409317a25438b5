//! `[[train]]`: the trainers, each with the keys of its model, objective and source.
//!
//! The settings are those of `wordmill-train`; here it is decided which of them a trainer has, with which defaults, and what is
//! wrong with one that it does not have.

use std::collections::BTreeSet;

use toml::Value;
use wordmill_cooccur::CooccurConfig;
use wordmill_train::{
    CbowConfig, CurvePlan, Divergence, GloveConfig, LossConfig, Mix, MixStep, ModelName,
    NoiseConfig, ObjectiveName, Optimizer, OptimizerConfig, PassesConfig, Penalties, Prediction,
    Reach, RotationsConfig, Schedule, Sharing, SkipGramConfig, SoftmaxConfig, SourceName,
    TextConfig, TrainConfig, Trainer, WindowModel, WindowsConfig,
};

use super::error::ConfigError;
use super::layers::Layers;
use super::loss;
use super::preset::{Defaults, Preset, misplaced};
use super::rows::{Rows, rows_of, tagged_rows_of};
use super::section::{Section, name_of};
use super::start;

/// Reads all tables.
pub(super) fn trainers(
    layers: &Layers,
    counts: &CooccurConfig,
) -> Result<Vec<TrainConfig>, ConfigError> {
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
    let model = section.choice("model", ModelName::SkipGram)?;
    let preset = section.choice("preset", Preset::Wordmill)?;
    let objective = match model.has_objectives() {
        true => Some(section.choice("objective", ObjectiveName::NegativeSampling)?),
        false => None,
    };
    let source = source(&mut section, model)?;
    let Some(mut defaults) = Defaults::of(preset, (model, source), objective) else {
        return Err(section.error("preset", misplaced(preset)));
    };
    if counts.subsample > 0.0 && source == SourceName::Matrix {
        defaults.subsample = defaults.subsample.min(counts.subsample);
    }
    let of_cells = ["x_max", "alpha"].into_iter().find(|key| section.has(key));
    let trainer = own(&mut section, (model, source), objective, (&defaults, counts))?;
    let steps = steps(&mut section, &trainer)?;
    let schedule = section.tagged("schedule", &steps.optimizer.schedule())?;
    check_subsample(&section, &trainer, counts)?;
    let loss = match trainer.losses() {
        Some(kind) => loss::read(&mut section, &trainer, kind)?,
        None => None,
    };
    if let (Some(LossConfig::Cell(_)), Some(key)) = (&loss, of_cells) {
        let what = "not used by a loss that is written as an expression; put the number into it";
        return Err(section.error(key, what));
    }
    let passes = section.take(&PassesConfig {
        dim: defaults.dim,
        epochs: defaults.epochs,
        rate: trainer.rate(&steps.optimizer, defaults.rate),
        on_divergence: Divergence::Stop,
        on_epoch: String::new(),
    })?;
    let rotations = match trainer.reads_text() {
        true => 1,
        false => section.take(&RotationsConfig { rotations: defaults.rotations })?.rotations,
    };
    let start = start::read(&mut section, passes.dim, before)?;
    let curve = section.take(&CurvePlan::default())?;
    if curve.patience > 0 && curve.held_out == 0.0 {
        let what =
            "wants something held out, by whose loss epochs are compared; add held_out = 0.01";
        return Err(section.error("patience", what));
    }
    section.finish(|key| unused(key, &trainer))?;
    Ok(TrainConfig { name, trainer, passes, rotations, steps, schedule, loss, start, curve })
}

/// What only this trainer has.
fn own(
    section: &mut Section<'_>,
    (model, source): (ModelName, SourceName),
    objective: Option<ObjectiveName>,
    (defaults, counts): (&Defaults, &CooccurConfig),
) -> Result<Trainer, ConfigError> {
    let &Defaults { noise_exponent, subsample, context_rates, x_max, .. } = defaults;
    let noise = NoiseConfig { negatives: 5, noise_exponent };
    Ok(match (objective, source) {
        (Some(objective), SourceName::Windows) => {
            let prediction = match objective {
                ObjectiveName::HierarchicalSoftmax => Prediction::Tree,
                ObjectiveName::NegativeSampling => Prediction::Negatives(section.take(&noise)?),
            };
            let model = match model {
                ModelName::Cbow => WindowModel::Cbow(cbow(section, defaults)?),
                _ => WindowModel::SkipGram,
            };
            let (window, reach) = (u32::from(counts.window.window), Reach::Dynamic);
            let text = TextConfig { window, reach, subsample, sharing: Sharing::Rounds };
            Trainer::Windows(WindowsConfig { model, prediction, text: section.take(&text)? })
        }
        (Some(ObjectiveName::NegativeSampling), SourceName::Matrix) => {
            let config = SkipGramConfig { noise, subsample, context_rates };
            Trainer::NegativeSampling(section.take(&config)?)
        }
        (Some(ObjectiveName::HierarchicalSoftmax), SourceName::Matrix) => {
            Trainer::HierarchicalSoftmax(section.take(&SoftmaxConfig { subsample, cap: 8.0 })?)
        }
        (None, _) => Trainer::Glove(section.take(&GloveConfig { x_max, alpha: 0.75 })?),
    })
}

fn cbow(section: &mut Section<'_>, defaults: &Defaults) -> Result<CbowConfig, ConfigError> {
    let step = MixStep::from(defaults.cbow_compat);
    let config: CbowConfig = section.take(&CbowConfig { mix: Mix::Mean, step })?;
    if config.step == MixStep::Whole && config.mix == Mix::Sum {
        let what = "word2vec.c takes the mean; use context = \"mean\" or leave it out";
        return Err(section.error("cbow_compat", what));
    }
    Ok(config)
}

/// Optimiser and penalties; a key is only asked for where it is used.
fn steps(section: &mut Section<'_>, trainer: &Trainer) -> Result<OptimizerConfig, ConfigError> {
    let optimizer: Optimizer = section.tagged("optimizer", &trainer.optimizer())?;
    if trainer.reads_text() {
        if optimizer != Optimizer::Sgd {
            let what = format!(
                "{:?} is only for trainers of the matrix; {trainer} has \"sgd\": its readers train copies of vectors and merge \
                 them, and what an optimiser has summed up of several copies cannot be merged",
                tag_of(&optimizer)
            );
            return Err(section.error("optimizer", what));
        }
        return Ok(OptimizerConfig { optimizer, penalties: Penalties::default() });
    }
    let penalties: Penalties = section.take(&Penalties::default())?;
    let is_tree = matches!(trainer, Trainer::HierarchicalSoftmax(_));
    if is_tree && optimizer == Optimizer::Sgd && penalties.are_on() {
        let rows = rows_of(&penalties);
        let what = "not with optimizer = \"sgd\", whose steps of hierarchical softmax are implicit; \
                    choose \"adagrad\", \"row-adagrad\" or \"adam\"";
        return Err(section.error(rows[0].0, what));
    }
    Ok(OptimizerConfig { optimizer, penalties })
}

/// The name of an optimiser.
fn tag_of(optimizer: &Optimizer) -> String {
    tagged_rows_of("optimizer", optimizer)[0].1.as_str().unwrap_or_default().to_owned()
}

/// Counts of a subsampled text do not have what was left out of it.
fn check_subsample(
    section: &Section<'_>,
    trainer: &Trainer,
    counts: &CooccurConfig,
) -> Result<(), ConfigError> {
    let more = trainer.subsample().filter(|&share| share == 0.0 || share > counts.subsample);
    let Some(share) = more.filter(|_| counts.subsample > 0.0) else { return Ok(()) };
    let what = format!(
        "{share} leaves more than the counts have, which are thinned out at cooccur.subsample = {}; \
         choose a share up to that, or raise cooccur.subsample or set it to 0",
        counts.subsample
    );
    Err(section.error("subsample", what))
}

/// What the trainer reads: CBOW needs whole windows, GloVe counts.
fn source(section: &mut Section<'_>, model: ModelName) -> Result<SourceName, ConfigError> {
    let default = model.source();
    let source = section.choice("source", default)?;
    if source != default && model != ModelName::SkipGram {
        let (found, known, model) = (name_of(&source), name_of(&default), name_of(&model));
        let what = format!("{found:?} is not for model = {model:?}; use {known:?} or leave it out");
        return Err(section.error("source", what));
    }
    Ok(source)
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
        "l2" | "clip" | "max_norm" => {
            return Some(format!(
                "only used by trainers of the matrix, not by {trainer}, whose readers train copies of vectors and merge them: \
                 no single step is there to be bounded; remove it"
            ));
        }
        _ => return None,
    };
    let instead = match key {
        "window" => ", and set cooccur.window, which holds for trainers of the matrix",
        "subsample" => ", and set cooccur.subsample, which holds for what is counted",
        "alpha" => "; the learning rate, which word2vec and gensim call alpha, is rate",
        _ => "",
    };
    Some(format!("not used by {trainer}, only by {users}; remove it{instead}"))
}

/// The keys of a trainer as they are written. Some are left out where they are the usual ones: what was trained before there was
/// a choice stays valid.
pub(super) fn rows(config: &TrainConfig) -> Rows {
    let TrainConfig { name, trainer, passes, rotations, steps, schedule, loss, start, curve } =
        config;
    let mut rows: Rows = vec![
        ("name", name.as_str().into()),
        ("model", name_of(&trainer.model()).into()),
        ("source", name_of(&trainer.source()).into()),
    ];
    rows.extend(trainer.objective().map(|it| ("objective", name_of(&it).into())));
    rows.extend(rows_of(passes));
    if !trainer.reads_text() {
        rows.extend(rows_of(&RotationsConfig { rotations: *rotations }));
    }
    rows.extend(tagged_rows_of("optimizer", &steps.optimizer));
    rows.extend(rows_of(&steps.penalties));
    let has_usual_schedule = is_same_kind(schedule, &steps.optimizer.schedule());
    let of_schedule = tagged_rows_of("schedule", schedule).into_iter();
    rows.extend(of_schedule.filter(|(key, _)| !(has_usual_schedule && *key == "schedule")));
    rows.extend(start::rows(start));
    rows.extend(rows_of(curve));
    rows.extend(loss.as_ref().map(|loss| ("loss", loss::value(loss))));
    rows.extend(match trainer {
        Trainer::NegativeSampling(config) => rows_of(config),
        Trainer::HierarchicalSoftmax(config) => rows_of(config),
        // They are numbers of GloVe's own loss.
        Trainer::Glove(_) if matches!(loss, Some(LossConfig::Cell(_))) => Vec::new(),
        Trainer::Glove(config) => rows_of(config),
        Trainer::Windows(config) => {
            let mut rows = match &config.prediction {
                Prediction::Negatives(noise) => rows_of(noise),
                Prediction::Tree => Vec::new(),
            };
            if let WindowModel::Cbow(cbow) = &config.model {
                rows.extend(rows_of(cbow));
            }
            rows.extend(rows_of(&config.text));
            rows
        }
    });
    rows
}

fn is_same_kind(one: &Schedule, other: &Schedule) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}
