//! A [`Config`] as text: the resolved pipeline.toml, and the settings of one section as strings.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use toml::Value;

use super::choice::{Accents, Choice, DuplicateLines, Format, Mark, Tokenizer, TrainSource};
use super::size::{format_seconds, format_size};
use super::{Config, Learner, LossConfig, PhrasesConfig, PhrasesSource, TrainConfig, Trainer};

type Rows = Vec<(&'static str, Value)>;

impl Config {
    /// The resolved pipeline, every key written out; reading it gives the same configuration.
    pub fn to_toml(&self) -> String {
        // Without any table the next reader would fall back on its default trainer.
        let mut text = match self.train.is_empty() {
            true => "train = []\n".to_owned(),
            false => String::new(),
        };
        for (header, rows) in self.tables() {
            let between = if text.is_empty() { "" } else { "\n" };
            writeln!(text, "{between}{header}").expect("writing to a string");
            for (key, value) in rows {
                writeln!(text, "{key} = {value}").expect("writing to a string");
            }
        }
        text
    }

    /// The settings of `run`, `corpus`, `vocabulary`, `cooccur`, `tiles`, `eval`, or of a trainer by
    /// its name, `train.NAME`, as strings; empty if there is no such section.
    pub fn settings_of(&self, section: &str) -> BTreeMap<String, String> {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let rows = match section.strip_prefix("train.") {
            Some(name) => {
                let trainer = self.train.iter().find(|trainer| trainer.name == name);
                trainer.map(TrainConfig::rows)
            }
            None => {
                let header = format!("[{section}]");
                let mut tables = self.tables().into_iter();
                tables.find(|(found, _)| *found == header).map(|(_, rows)| rows)
            }
        };
        let rows = rows.unwrap_or_default().into_iter();
        rows.map(|(key, value)| (key.to_owned(), text(value))).collect()
    }

    fn tables(&self) -> Vec<(&'static str, Rows)> {
        let mut tables = vec![
            ("[run]", self.run_rows()),
            ("[corpus]", self.corpus_rows()),
            ("[phrases]", self.phrases.as_ref().map_or(Vec::new(), phrases_rows)),
            ("[vocabulary]", self.vocabulary_rows()),
            (
                "[cooccur]",
                vec![
                    ("window", whole(self.cooccur.window)),
                    ("weighting", name(self.cooccur.weighting)),
                    ("symmetric", self.cooccur.symmetric.into()),
                    ("dropped", name(self.cooccur.dropped)),
                    ("subsample", self.cooccur.subsample.into()),
                    ("samples", whole(self.cooccur.samples)),
                ],
            ),
            ("[tiles]", vec![("grid", whole(self.tiles.grid))]),
        ];
        tables.retain(|(_, rows)| !rows.is_empty());
        let trainers = self.train.iter().map(|trainer| ("[[train]]", trainer.rows()));
        tables.extend(trainers);
        tables.push((
            "[eval]",
            vec![
                ("analogies", paths(&self.eval.analogies)),
                ("similarity", paths(&self.eval.similarity)),
                ("outliers", paths(&self.eval.outliers)),
                ("top", whole(self.eval.top as u64)),
            ],
        ));
        tables
    }

    fn run_rows(&self) -> Rows {
        vec![
            ("dir", self.run.dir.to_string_lossy().as_ref().into()),
            ("memory", format_size(self.run.memory_bytes).into()),
            ("threads", whole(self.run.threads as u64)),
            ("seed", whole(self.run.seed)),
            ("checkpoint_every", format_seconds(self.run.checkpoint_every).into()),
        ]
    }

    fn vocabulary_rows(&self) -> Rows {
        let mut rows = vec![
            ("min_count", whole(self.vocabulary.min_count)),
            ("max_size", whole(self.vocabulary.max_size)),
        ];
        rows.extend(list("keep", &self.vocabulary.keep));
        rows.extend(list("drop", &self.vocabulary.drop));
        rows
    }

    fn corpus_rows(&self) -> Rows {
        let mut rows: Rows = vec![
            ("inputs", self.corpus.inputs.clone().into()),
            ("format", name(self.corpus.format)),
        ];
        rows.extend(self.corpus.field.as_ref().map(|field| ("field", field.clone().into())));
        if self.corpus.format != Format::Lines || self.corpus.strict {
            rows.push(("strict", self.corpus.strict.into()));
        }
        if !self.corpus.encoding.is_utf8() {
            rows.push(("encoding", self.corpus.encoding.name().into()));
        }
        rows.extend([(
            "tokenizer",
            format!("{}{}", self.corpus.tokenizer.name(), self.corpus.tokenizer_of).into(),
        )]);
        if self.corpus.tokenizer != Tokenizer::Hf {
            rows.extend([
                ("lowercase", self.corpus.lowercase.into()),
                ("normalize", name(self.corpus.normalize)),
                ("digits", name(self.corpus.digits)),
            ]);
        }
        if let Some(pieces) = &self.corpus.pieces {
            rows.push(match pieces.learner {
                Learner::Korean(endings) => ("endings", name(endings)),
                Learner::Bpe(merges) => ("bpe_merges", whole(merges)),
            });
            rows.push(("pieces_min_count", whole(pieces.min_count)));
            rows.extend(list("pieces", &pieces.given));
        }
        // Only where they are not the usual ones: what was made before there was a choice stays valid.
        let marks = [
            ("apostrophes", self.corpus.apostrophes, Mark::Keep),
            ("hyphens", self.corpus.hyphens, Mark::Split),
        ];
        let chosen = marks.into_iter().filter(|(_, mark, usual)| mark != usual);
        rows.extend(chosen.map(|(key, mark, _)| (key, name(mark))));
        if self.corpus.accents != Accents::Keep {
            rows.push(("accents", name(self.corpus.accents)));
        }
        rows.extend(list("stop_words", &self.corpus.stop_words));
        if self.corpus.duplicate_lines != DuplicateLines::Keep {
            rows.push(("duplicate_lines", name(self.corpus.duplicate_lines)));
        }
        rows.extend([
            ("invalid_utf8", name(self.corpus.invalid_utf8)),
            ("chunk_bytes", format_size(self.corpus.chunk_bytes).into()),
        ]);
        rows
    }
}

fn phrases_rows(phrases: &PhrasesConfig) -> Rows {
    let mut rows: Rows = match &phrases.source {
        PhrasesSource::List(path) => vec![("list", path.to_string_lossy().as_ref().into())],
        PhrasesSource::Learned { score, thresholds, passes, min_count, connectors } => {
            let threshold = match thresholds[..] {
                [threshold] => threshold.into(),
                _ => thresholds.clone().into(),
            };
            let rows = [
                ("passes", whole(*passes)),
                ("score", name(*score)),
                ("threshold", threshold),
                ("min_count", whole(*min_count)),
            ];
            rows.into_iter().chain(list("connectors", connectors)).collect()
        }
    };
    rows.push(("delimiter", phrases.delimiter.as_str().into()));
    rows
}

impl TrainConfig {
    fn rows(&self) -> Rows {
        let mut rows =
            vec![("name", self.name.as_str().into()), ("model", name(self.trainer.model()))];
        rows.extend(self.trainer.objective().map(|it| ("objective", name(it))));
        rows.extend([
            ("dim", whole(self.dim as u64)),
            ("epochs", whole(self.epochs)),
            ("rate", self.rate.into()),
            ("optimizer", name(self.steps.optimizer)),
        ]);
        match self.trainer.reads_text() {
            true => rows.push(("source", name(TrainSource::Windows))),
            false => rows.extend([
                ("rotations", whole(self.rotations)),
                ("source", name(TrainSource::Matrix)),
            ]),
        }
        rows.push(("on_divergence", name(self.on_divergence)));
        // Only where it is not the usual one: what was trained before there was a choice stays valid.
        rows.extend(self.steps.rows());
        rows.extend(self.start.rows());
        rows.extend(self.curve.rows());
        if !self.on_epoch.is_empty() {
            rows.push(("on_epoch", self.on_epoch.as_str().into()));
        }
        rows.extend(self.loss.as_ref().map(|loss| ("loss", loss.value())));
        rows.extend(self.trainer.rows());
        if let Some(LossConfig::Cell(_)) = self.loss {
            rows.retain(|(key, _)| !["x_max", "alpha"].contains(key));
        }
        rows
    }
}

impl Trainer {
    fn rows(&self) -> Rows {
        match *self {
            Self::NegativeSampling { negatives, noise_exponent, subsample, context_rates } => vec![
                ("negatives", whole(negatives)),
                ("noise_exponent", noise_exponent.into()),
                ("subsample", subsample.into()),
                ("context_rates", name(context_rates)),
            ],
            Self::HierarchicalSoftmax { subsample, cap } => {
                vec![("subsample", subsample.into()), ("cap", cap.into())]
            }
            Self::Glove { x_max, alpha } => {
                vec![("x_max", x_max.into()), ("alpha", alpha.into())]
            }
            Self::Windows(trainer) => trainer.rows(),
        }
    }
}

fn name(choice: impl Choice) -> Value {
    choice.name().into()
}

/// Every whole number of a configuration was read from TOML or checked to fit.
fn whole(number: impl Into<u64>) -> Value {
    Value::Integer(i64::try_from(number.into()).unwrap_or(i64::MAX))
}

/// A file, if there is one.
fn list(key: &'static str, path: &Option<PathBuf>) -> Option<(&'static str, Value)> {
    path.as_ref().map(|path| (key, path.to_string_lossy().as_ref().into()))
}

fn paths(list: &[PathBuf]) -> Value {
    let text = |path: &PathBuf| Value::from(path.to_string_lossy().as_ref());
    Value::Array(list.iter().map(text).collect())
}
