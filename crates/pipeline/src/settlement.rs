//! The settlement of a configuration with what its run directory already holds.

use wordmill_flow::{Context, format_bytes, format_duration};
use wordmill_formats::{FormatError, RunDir, StageRow};
use wordmill_text as text;
use wordmill_vocab as vocab;

use crate::config::Config;
use crate::error::{Error, Stale};
use crate::ledger::{Change, Ledger};
use crate::past::names_text;
use crate::stage::Listed;
use crate::texts::{Texts, inputs};

/// What is to be settled before the first stage.
pub struct Settlement<'a> {
    /// Threads, memory, cancellation, progress.
    pub ctx: &'a Context,
    /// The run directory.
    pub dir: &'a RunDir,
    /// The settings.
    pub config: &'a Config,
    /// The stages, with their settings.
    pub stages: &'a [Listed],
    /// Whether stages may be rebuilt.
    pub rebuild: bool,
}

impl Settlement<'_> {
    /// Compares the configuration with what the directory holds; stops, or marks, what is stale.
    pub fn settle(&self, ledger: &mut Ledger<'_>, texts: &mut Texts) -> Result<(), Error> {
        let place = self.settle_texts(ledger, texts)?;
        let mut changes = ledger.changes(self.stages);
        if texts.is_new {
            changes.push(Change {
                stage: "tokenize".into(),
                key: "the text that comes through a pipe".into(),
                old: "that of the last run".into(),
                new: "not compared".into(),
            });
        }
        if changes.is_empty() {
            return Ok(ledger.tidy()?);
        }
        let stale = stale_stages(&changes, self.stages);
        let differs = place.map(|place| format!("  {place} is not what was tokenised"));
        let list: Vec<String> = changes.iter().map(describe).chain(differs).collect();
        let list = list.join("\n");
        let losses = losses(ledger, &changes, &stale)?;
        if !self.rebuild {
            let what = format!(
                "holds stages that were made with other settings:\n{list}\n{losses}\n\
                 run with --rebuild to rebuild them, restore the settings, or choose another \
                 directory (--run-dir){}",
                more_epochs(&changes)
            );
            return Err(Stale::new(self.dir.root().display(), what).into());
        }
        if texts.inputs.is_none() && changes.iter().any(|change| change.stage == "tokenize") {
            // The text is needed again: what is wrong with it.
            inputs(self.config, &self.ctx.progress)?;
        }
        // All of it is said before the first file is gone.
        self.ctx.progress.say(&format!("rebuild:\n{list}\n{losses}"));
        ledger.mark(&stale)?;
        Ok(ledger.tidy()?)
    }

    /// Finds out whether texts that look different, or come through a pipe, are those that were tokenised; returns the
    /// first place where they differ.
    fn settle_texts(
        &self,
        ledger: &mut Ledger<'_>,
        texts: &mut Texts,
    ) -> Result<Option<String>, Error> {
        let Some(tokenize) = self.stages.iter().find(|stage| stage.name == "tokenize") else {
            return Ok(None);
        };
        let done = ledger.manifest().stage("tokenize").cloned();
        let done = done.filter(StageRow::is_settled);
        let Some(row) = done else { return Ok(None) };
        if !ledger.missing(&row)?.is_empty() {
            return Ok(None);
        }
        let Some(inputs) = &texts.inputs else {
            self.say_gone();
            return Ok(None);
        };
        let changes = ledger.changes(std::slice::from_ref(tokenize));
        if changes.iter().any(|change| !names_text(&change.key)) {
            return Ok(None);
        }
        let mut brings_text = false;
        for input in inputs.iter().filter(|input| input.is_read_once()) {
            brings_text |= input.has_text(&self.ctx.cancel)?;
        }
        if changes.is_empty() && !brings_text {
            if inputs.iter().any(text::Input::is_read_once) {
                self.ctx
                    .progress
                    .say("no text comes through the pipe; its tokens are here and are used");
            }
            return Ok(None);
        }
        if self.rebuild {
            texts.is_new = brings_text;
            return Ok(None);
        }
        self.compare(ledger, inputs, (tokenize, &changes))
    }

    /// Compares the texts with the tokens. Where they are the same, the ledger takes over what was recorded of them.
    fn compare(
        &self,
        ledger: &mut Ledger<'_>,
        inputs: &[text::Input],
        (tokenize, changes): (&Listed, &[Change]),
    ) -> Result<Option<String>, Error> {
        let Ok(shards) = vocab::TokenShards::open(self.dir) else { return Ok(None) };
        self.ctx.progress.say("the text may have changed; comparing it with the tokens");
        let config = self.config.tokenize_job()?;
        let differs = vocab::compare(self.ctx, &config, &shards, inputs)?;
        let Some(place) = differs else {
            self.ctx.progress.say("the text is the one that was tokenised");
            ledger.renew("tokenize", &tokenize.settings)?;
            return Ok(None);
        };
        if changes.is_empty() {
            let what = format!(
                "{place} is another text than the one that this run was made from; run with --rebuild to start from it, choose \
                 another directory (--run-dir), or go on from the tokens of the earlier text without a text (< /dev/null)"
            );
            return Err(Stale::new(self.dir.root().display(), what).into());
        }
        Ok(Some(place))
    }

    fn say_gone(&self) {
        if let Err(error) = inputs(self.config, &self.ctx.progress) {
            self.ctx.progress.warn(&format!("{error}\nits tokens are here and are used"));
        }
    }
}

/// How to train more where only that was asked for.
fn more_epochs(changes: &[Change]) -> String {
    let number = |text: &str| text.parse::<u32>().ok();
    let more = |change: &Change| -> Option<String> {
        let name = change.stage.strip_prefix("train:")?;
        let (old, new) = (number(&change.old)?, number(&change.new)?);
        let is_epochs = change.key == format!("train.{name}.epochs") && new > old;
        is_epochs.then(|| {
            let more = new - old;
            format!(
                "\nto go on from the vectors of {name} instead, leave it as it was and add a [[train]] table with a name of its \
                 own, init = {{ trainer = \"{name}\" }}, epochs = {more}"
            )
        })
    };
    match changes {
        [change] => more(change).unwrap_or_default(),
        _ => String::new(),
    }
}

/// What the stages cost that are rebuilt, or may be.
fn losses(ledger: &Ledger<'_>, changes: &[Change], stale: &[&str]) -> Result<String, FormatError> {
    let mut text = "to be rebuilt, each when its turn comes; what comes out as it was leaves later stages as they are:".to_owned();
    let (mut all_bytes, mut all_seconds) = (0, 0.0);
    for row in ledger.manifest().stages.iter().filter(|row| stale.contains(&row.name.as_str())) {
        let (files, bytes) = ledger.on_disk(&row.name)?;
        let (size, time) = (format_bytes(bytes), format_duration(row.seconds));
        text += &format!("\n  {:<16} {files:>6} files {size:>10}, took {time}", row.name);
        if row.name == "tokenize" {
            text += "; shards that still fit are kept";
        } else if !changes.iter().any(|change| change.stage == row.name) {
            text += "; if what it reads differs";
        }
        (all_bytes, all_seconds) = (all_bytes + bytes, all_seconds + row.seconds);
    }
    let (size, time) = (format_bytes(all_bytes), format_duration(all_seconds));
    Ok(text + &format!("\n  {size} in all; they took {time}"))
}

/// A change in words.
pub fn describe(change: &Change) -> String {
    let Change { stage, key, old, new } = change;
    format!("  {key} was {old}, is {new} (stage {stage})")
}

/// The stages with a change and those that depend on them, in order. Trainers do not depend on one
/// another, but where one goes on from another's vectors.
pub fn stale_stages<'a>(changes: &[Change], stages: &'a [Listed]) -> Vec<&'a str> {
    let mut after = false;
    let mut stale = Vec::new();
    for stage in stages {
        let changed = changes.iter().any(|change| change.stage == stage.name);
        let goes_on = |from: &String| stale.contains(&from.as_str());
        if after || changed || stage.after.as_ref().is_some_and(goes_on) {
            stale.push(stage.name.as_str());
        }
        after |= changed && !stage.name.starts_with("train:");
    }
    stale
}
