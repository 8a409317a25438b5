//! The arguments of `train`, and the settings that they set.
//!
//! Flags also have the names that users of other programs know; those are hidden. Values are checked where settings are.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use wordmill_pipeline::config::{Flag, OneTrainer, Sources, peer_names};
use wordmill_query::ConvertFormat;

use super::hints::command_of;
use super::show::ShowArgs;
use super::using::parse_convert_format;

/// Switches that other programs write with a 0 or a 1 behind them.
const SWITCHES: [&str; 3] = ["--hs", "--sg", "--cbow"];

/// `wordmill train`
#[derive(Clone, Debug, Args)]
pub struct TrainArgs {
    /// Texts: files, folders, patterns, @LIST of paths, - for a pipe, builtin:sample
    #[arg(required = true, value_name = "TEXT")]
    pub texts: Vec<String>,
    /// The vectors to write; - is standard output
    ///
    /// The ending names the format.
    #[arg(short, long = "output", alias = "out", value_name = "OUT")]
    pub out: PathBuf,
    /// The format, where the ending of OUT does not name it
    #[arg(long, value_parser = parse_convert_format)]
    pub format: Option<ConvertFormat>,
    /// Model: skip-gram|cbow|glove [default: skip-gram]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["sg", "cbow"])]
    model: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    #[arg(value_parser = BoolishValueParser::new(), conflicts_with = "cbow")]
    sg: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    #[arg(value_parser = BoolishValueParser::new())]
    cbow: Option<bool>,
    /// Hierarchical softmax instead of negative sampling
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    #[arg(value_name = "1|0", value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    hs: Option<bool>,
    /// Length of a vector
    #[arg(long, value_name = "N", aliases = peer_names("train", "dim"))]
    dim: Option<String>,
    /// Words on each side
    #[arg(long, value_name = "N", aliases = ["ws", "window_size", "window-size"])]
    window: Option<String>,
    /// Passes over the text
    #[arg(long, value_name = "N", aliases = peer_names("train", "epochs"))]
    epochs: Option<String>,
    /// Noise words beside each pair
    #[arg(long, value_name = "N", aliases = peer_names("train", "negatives"))]
    negatives: Option<String>,
    /// Words that occur less often are dropped
    #[arg(long, value_name = "N", aliases = peer_names("vocabulary", "min_count"))]
    min_count: Option<String>,
    /// Learning rate at the start
    #[arg(long, value_name = "X", aliases = peer_names("train", "rate"))]
    rate: Option<String>,
    #[arg(long, hide = true)]
    alpha: Option<String>,
    #[arg(long, hide = true, alias = "x_max")]
    x_max: Option<String>,
    /// Subsample words above this share; 0 is off
    ///
    /// Words whose share of the text is larger are subsampled.
    #[arg(long, value_name = "X", aliases = peer_names("train", "subsample"))]
    subsample: Option<String>,
    /// The seed of everything random
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads, 0 for all
    #[arg(long, value_name = "N", aliases = peer_names("run", "threads"))]
    threads: Option<u32>,
    /// The memory budget, such as 2GiB
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// Defaults: wordmill|word2vec|fasttext|glove
    ///
    /// Whose settings hold where none are given.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Set a key, such as corpus.format=jsonl
    ///
    /// Takes any key of pipeline.toml, such as train.0.optimizer=adagrad.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The run directory [default: OUT.run]
    ///
    /// It is kept until the vectors are written, so that the same command resumes.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Keep the run directory when the vectors are written
    #[arg(long)]
    pub keep_run: bool,
    /// Train again what was trained with other settings
    #[arg(long)]
    pub rebuild: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub show: ShowArgs,
}

impl TrainArgs {
    /// The layers of the configuration, with this process's environment.
    pub fn sources(&self) -> Sources {
        let is_tree = self.hs == Some(true);
        // word2vec's users switch negative sampling off where they switch hierarchical softmax on.
        let negatives = self.negatives.as_deref().filter(|it| !(is_tree && *it == "0"));
        let flags = [
            ("--model", "train.0.model", self.model()),
            ("--hs", "train.0.objective", is_tree.then_some("hierarchical-softmax")),
            ("--preset", "train.0.preset", self.preset.as_deref()),
            ("--dim", "train.0.dim", self.dim.as_deref()),
            ("--epochs", "train.0.epochs", self.epochs.as_deref()),
            ("--negatives", "train.0.negatives", negatives),
            ("--min-count", "vocabulary.min_count", self.min_count.as_deref()),
            ("--rate", "train.0.rate", self.rate.as_deref()),
            ("--x-max", "train.0.x_max", self.x_max.as_deref()),
        ];
        let flag = |(flag, key, typed): (_, _, Option<_>)| Some(Flag::new(flag, key, typed?));
        Sources {
            variables: std::env::vars_os().collect(),
            sets: self.set.clone(),
            flags: flags.into_iter().filter_map(flag).collect(),
            memory: self.memory.clone(),
            threads: self.threads,
            seed: self.seed,
            ..Sources::default()
        }
    }

    /// What else is asked of the trainer.
    pub fn asked(&self) -> OneTrainer {
        let Self { texts, window, subsample, alpha, .. } = self.clone();
        OneTrainer { texts, window, subsample, alpha }
    }

    fn model(&self) -> Option<&str> {
        let is_cbow = self.cbow.or(self.sg.map(|is_sg| !is_sg));
        match self.model.as_deref() {
            Some("skipgram" | "sg") => Some("skip-gram"),
            None => is_cbow.map(|is_cbow| if is_cbow { "cbow" } else { "skip-gram" }),
            named => named,
        }
    }
}

/// `--hs 1`, as word2vec writes it, becomes `--hs=1`: a text that follows a switch is not its value.
pub fn joined_switches(words: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    let mut joined: Vec<std::ffi::OsString> = Vec::with_capacity(words.len());
    let is_train = command_of(&words) == Some("train");
    for word in words {
        let is_value = is_train && (word == "0" || word == "1");
        match joined.last_mut() {
            Some(last) if is_value && SWITCHES.iter().any(|switch| *last == *switch) => {
                last.push("=");
                last.push(word);
            }
            _ => joined.push(word),
        }
    }
    joined
}
