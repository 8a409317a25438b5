//! The graph of a configuration: its stages in order, and the loop that runs those that are not done.

use crate::config::{Config, ConfigError, did_you_mean};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::memory;
use crate::past::Past;
use crate::stage::{Artefacts, Listed, Run, Settings, Stage, as_stage};
use crate::stages::{
    GivenFiles, cooccur, dedup, import, merge, phrases, pieces, shuffle, tokenize, train,
    vocabulary,
};
use crate::texts::Texts;

/// The stages of a configuration, in the order in which they run.
pub struct Graph {
    stages: Vec<Box<dyn Stage>>,
}

impl Graph {
    /// The stages of a configuration for texts; without texts those that follow imported counts. An import is no stage of the graph:
    /// it does not depend on the configuration.
    #[must_use]
    pub fn new(config: &Config, texts: Option<&Texts>, given: &GivenFiles, past: &Past) -> Self {
        let mut stages: Vec<Box<dyn Stage>> = Vec::new();
        let mut tokens = None;
        if let Some(texts) = texts {
            stages.push(Box::new(tokenize::Tokenize::new(config, texts, past)));
            if let Some(stage) = dedup::Dedup::new(config, last_name(&stages)) {
                stages.push(Box::new(stage));
            }
            if let Some(stage) = pieces::Pieces::new(config, past, last_name(&stages)) {
                stages.push(Box::new(stage));
            }
            if let Some(stage) = phrases::PhrasesStage::new(config, past, last_name(&stages)) {
                stages.push(Box::new(stage));
            }
            let before = last_name(&stages);
            tokens = Some(before.clone());
            stages.push(Box::new(vocabulary::VocabularyStage::new(config, past, before)));
            if config.needs_matrix() {
                stages.push(Box::new(cooccur::Cooccur::new(config)));
                stages.push(Box::new(merge::Merge::new()));
            }
        }
        if config.needs_matrix() {
            stages.push(Box::new(shuffle::Shuffle::new(config)));
        }
        for trainer in &config.train {
            let tokens = tokens.clone();
            stages.push(Box::new(train::Train::new(config, trainer, given, past, tokens)));
        }
        Self { stages }
    }

    /// The stages with their configurations.
    pub fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.stages.iter().map(|stage| stage.listed())
    }

    /// The stages.
    pub fn stages(&self) -> impl Iterator<Item = &dyn Stage> {
        self.stages.iter().map(AsRef::as_ref)
    }

    /// The stage of a name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&dyn Stage> {
        self.stages().find(|stage| stage.listed().name == name)
    }

    /// The stage that `--until` names: one of the graph, or `train` for the last trainer.
    ///
    /// # Errors
    /// A name that is none of them.
    pub fn last_stage(&self, name: &str) -> Result<&str, ConfigError> {
        let names = || self.listed().map(|stage| stage.name.as_str());
        let found = match name {
            "train" => names().last(),
            name => names().find(|known| *known == name),
        };
        found.ok_or_else(|| {
            let list: Vec<&str> = names().collect();
            let guess = did_you_mean(name, list.iter().copied());
            let all = list.join(", ");
            let what = format!("no stage is called {name:?}{guess}; choose {all}, or train");
            ConfigError::new("--until", what)
        })
    }

    /// Runs every stage that is not done, up to `until`.
    ///
    /// # Errors
    /// Whatever keeps a stage from its end; what is finished stays.
    pub fn run(
        &self,
        run: &Run<'_>,
        ledger: &mut Ledger<'_>,
        until: Option<&str>,
    ) -> Result<(), Error> {
        let mut so_far = Artefacts::default();
        if run.texts.is_none() {
            import::check_trainers(run)?;
            so_far = import::open(run, ledger)?;
        }
        for stage in self.stages() {
            let Listed { name, settings, .. } = stage.listed();
            let mut settings = settings.clone();
            settings.extend(stage.inputs(run, &so_far)?);
            let fingerprint = ledger.fingerprint(name, &settings);
            let is_done =
                ledger.done(name, &settings)?.is_some() && stage.is_whole(run, &fingerprint)?;
            if !is_done && stage.is_wanted(&fingerprint, ledger)? {
                make(stage, run, ledger, (settings, &fingerprint), &so_far)?;
            } else {
                run.ctx.progress.detail(|| format!("{name} is done already"));
            }
            let row = ledger.manifest().stage(name).cloned();
            stage.open(run, row.as_ref(), &fingerprint, &mut so_far)?;
            if until == Some(name) {
                break;
            }
        }
        Ok(())
    }
}

/// Does the work of a stage and puts it on record.
fn make(
    stage: &dyn Stage,
    run: &Run<'_>,
    ledger: &mut Ledger<'_>,
    (settings, fingerprint): (Settings, &str),
    so_far: &Artefacts,
) -> Result<(), Error> {
    stage.reads().iter().try_for_each(|input| ledger.check(input))?;
    let work = stage.prepare(run, so_far, fingerprint)?;
    memory::note_program(&run.ctx.budget);
    let name = &stage.listed().name;
    as_stage(&run.ctx.progress, name, || {
        let open = ledger.begin(name, settings)?;
        let (open, made) = ledger.or_pause(open, work())?;
        ledger.finish(open, made.outputs, made.counts)?;
        if let Some(says) = made.says {
            run.ctx.progress.say(&says);
        }
        Ok(())
    })
}

fn last_name(stages: &[Box<dyn Stage>]) -> String {
    stages.last().map(|stage| stage.listed().name.clone()).unwrap_or_default()
}
