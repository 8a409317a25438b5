//! The command line as clap sees it: every command, its flags, and nothing of what they do.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

pub use hints::{hinted, one_dash};
pub use show::ShowArgs;
pub use train::{TrainArgs, joined_switches};
pub use using::*;
pub use values::*;

use crate::display::Loudness;
use wordmill_flow::{parse_duration, parse_size};
use wordmill_pipeline::config::{LEAST_MEMORY, Sources};

mod hints;
#[cfg(test)]
mod reference;
mod show;
mod train;
mod using;
mod values;

/// A text of `args/help`.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("args/help/", $name, ".txt"))
    };
}

/// Turn a text corpus larger than memory into word vectors
#[derive(Debug, Parser)]
#[command(
    name = "wordmill",
    version,
    max_term_width = 80,
    after_help = text!("exit-codes"),
    disable_help_subcommand = true
)]
pub struct Cli {
    /// Show errors and results only
    ///
    /// Hides progress, messages and warnings.
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 900)]
    pub quiet: bool,
    /// Show more; with -V, details of this build
    ///
    /// Shows the settings, and each stage, epoch and unit of work. `wordmill -V -v`
    /// prints features, target, kernels and threads of this build.
    #[arg(short, long, global = true, display_order = 901)]
    pub verbose: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The command line as clap parses it and shows its help. Where a flag takes one of a few values, its help lists them.
    pub fn shown() -> clap::Command {
        let with_values = |arg: clap::Arg| {
            let is_choice =
                arg.get_action().takes_values() && !arg.get_possible_values().is_empty();
            if is_choice { arg.hide_possible_values(true) } else { arg }
        };
        Self::command().mut_subcommands(|command| command.mut_args(with_values))
    }

    /// How much is shown.
    pub fn loudness(&self) -> Loudness {
        match (self.quiet, self.verbose) {
            (true, _) => Loudness::Quiet,
            (_, true) => Loudness::Verbose,
            _ => Loudness::Usual,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run every stage that is not done, from text to vectors
    #[command(after_long_help = text!("run"))]
    Run(RunArgs),
    /// Train one model on texts, without a pipeline
    ///
    /// Writes one file of vectors. The command line alone decides what is trained.
    #[command(after_long_help = text!("train"))]
    Train(Box<TrainArgs>),
    /// Estimate memory, disk, files and time of each stage
    ///
    /// Reads a sample of the text and writes nothing.
    Plan(PlanArgs),
    /// Show which stages of a run are done or stale, and why
    Status(StatusArgs),
    /// Remove stages that the pipeline no longer has
    ///
    /// Without names it lists them and removes nothing.
    Clean(CleanArgs),
    /// Check lengths, checksums and references of files
    Verify(VerifyArgs),
    /// Write a commented pipeline.toml
    Init(InitArgs),
    /// Print the JSON schema of pipeline.toml
    ///
    /// Editors and other programs check and complete settings with it.
    Schema,
    /// Show how the first lines of a text are read and cut
    #[command(after_long_help = text!("preview"))]
    Preview(PreviewArgs),
    /// Write the built-in text to standard output
    Sample(SampleArgs),
    /// Show what a file is and the settings that made it
    ///
    /// Of vectors it also shows the shape and the spread of their numbers.
    Info(InfoArgs),
    /// Print the vectors of words
    Vector(VectorArgs),
    /// Print the nearest neighbours of words
    #[command(after_long_help = text!("similar"))]
    Similar(SimilarArgs),
    /// Answer: A is to B as C is to what?
    Analogy(AnalogyArgs),
    /// Print which words are likely among others
    #[command(after_long_help = text!("predict"))]
    Predict(PredictArgs),
    /// Answer questions interactively
    #[command(after_long_help = text!("query"))]
    Query(QueryArgs),
    /// Score vectors on test sets, and compare files
    ///
    /// Test sets are analogies, similarities and outliers.
    #[command(after_long_help = text!("eval"))]
    Eval(EvalArgs),
    /// Write vectors in the format of another program
    #[command(after_long_help = text!("export"))]
    Export(ExportArgs),
    /// Convert vectors from any known format to another
    #[command(after_long_help = text!("convert"))]
    Convert(ConvertArgs),
    /// Write a page about a run
    ///
    /// It shows times, learning curves, scores, a map of words and neighbours, in
    /// one HTML file that needs no network.
    Report(ReportArgs),
    /// Write the co-occurrence matrix for other programs
    #[command(after_long_help = text!("matrix"))]
    Matrix(MatrixArgs),
    /// Start a run from counts of another program
    #[command(after_long_help = text!("import"))]
    ImportCounts(ImportCountsArgs),
    /// Check whether runs will work on this machine
    ///
    /// Checks the processor, memory, open files, free disk, file locks and renames,
    /// and says what to do about each that is not as it should be. The exit code is
    /// 2 if no run can work.
    Doctor(DoctorArgs),
    /// Print the completions of a shell
    #[command(after_long_help = text!("completions"))]
    Completions(CompletionsArgs),
    /// Print the manual page, or write a page a command
    Man(ManArgs),
    /// Print the help of a command, or a page of the manual
    ///
    /// Without a name it lists commands and pages.
    Help(HelpArgs),
}

/// `help`.
#[derive(Debug, Args)]
pub struct HelpArgs {
    /// A command or a topic
    pub topic: Option<String>,
}
/// Where a pipeline's settings come from.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    /// The pipeline file [default: pipeline.toml]
    ///
    /// Without this argument it is pipeline.toml of the current folder, and without
    /// such a file the built-in pipeline.
    #[arg(value_name = "PIPELINE.toml")]
    pub pipeline: Option<PathBuf>,
    /// Set a key, such as cooccur.window=8
    ///
    /// Takes any key of the pipeline by its dotted name, with a value as TOML
    /// writes it: --set train.0.dim=300, --set train.sgns.dim=300. May be given
    /// several times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Read the texts that a file lists, - for a pipe
    ///
    /// LIST holds a path a line; - is standard input. It stands for
    /// corpus.inputs = ["@LIST"].
    #[arg(long, value_name = "LIST")]
    pub files_from: Option<String>,
    /// The run directory (run.dir)
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// The memory budget, such as 2GiB (run.memory)
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Threads, 0 for all (run.threads)
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
    /// The seed of everything random (run.seed)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// `wordmill run`
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub pipeline: PipelineArgs,
    /// Stop when this stage is done
    ///
    /// A stage of the pipeline, as `wordmill plan` lists them, or train for the
    /// last trainer.
    #[arg(long, value_name = "STAGE")]
    pub until: Option<String>,
    /// Run stages again whose settings have changed
    #[arg(long)]
    pub rebuild: bool,
    /// Stop after a time such as 8h; run again to resume
    ///
    /// 1h30m, 90m and 45s are times, too. The exit code is then 75.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_time: Option<Duration>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub show: ShowArgs,
}

/// `wordmill plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub pipeline: PipelineArgs,
    /// Plan only up to this stage
    #[arg(long, value_name = "STAGE")]
    pub until: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `wordmill status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The run directory
    pub run_dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `wordmill clean`
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// The run directory
    pub run_dir: PathBuf,
    /// The stages to remove
    #[arg(value_name = "STAGE")]
    pub stages: Vec<String>,
}

/// `wordmill verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Run directories and files
    #[arg(required = true, value_name = "RUN_DIR|FILE")]
    pub paths: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `wordmill preview`
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The text [default: the first of corpus.inputs]
    #[arg(value_name = "TEXT")]
    pub file: Option<String>,
    /// The pipeline file [default: pipeline.toml]
    ///
    /// Without this flag it is pipeline.toml of the current folder, and without
    /// such a file the built-in pipeline.
    #[arg(long, value_name = "FILE")]
    pub pipeline: Option<PathBuf>,
    /// Set a key, such as corpus.tokenizer=whitespace
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The run directory with learned pieces (run.dir)
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// How many lines
    #[arg(short, value_name = "N", default_value_t = 10)]
    pub n: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `wordmill init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write; - is standard output
    #[arg(value_name = "PIPELINE.toml", default_value = "pipeline.toml")]
    pub path: PathBuf,
}

/// `wordmill sample`
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// How much text, such as 100MB
    ///
    /// The text ends with the first line that reaches this size.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub bytes: u64,
    /// Another seed gives other sentences
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// `wordmill info`
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// A file or a run directory; - is standard input
    ///
    /// A file that wordmill wrote or can convert.
    pub file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `wordmill matrix`
#[derive(Debug, Args)]
pub struct MatrixArgs {
    /// The run directory
    pub run_dir: PathBuf,
    /// Format: npz|mtx|glove|ppmi
    #[arg(long)]
    pub format: MatrixFormatArg,
    /// The file to write
    pub out: PathBuf,
}

/// `wordmill report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run directory
    pub run_dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `wordmill import-counts`
#[derive(Debug, Args)]
pub struct ImportCountsArgs {
    /// Words with their counts
    pub vocab: PathBuf,
    /// Pairs of words with their weights
    pub counts: PathBuf,
    /// The run directory to create
    pub run_dir: PathBuf,
    /// The memory budget
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_memory)]
    pub memory: u64,
    /// Threads, 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub show: ShowArgs,
}

/// `wordmill doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The folder of runs
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `wordmill completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell: bash|elvish|fish|powershell|zsh
    pub shell: Shell,
}

/// `wordmill man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder to write pages into
    pub dir: Option<PathBuf>,
}

impl PipelineArgs {
    /// The layers of the configuration, with this process's environment.
    pub fn sources(&self) -> Sources {
        Sources {
            file: self.pipeline.clone(),
            variables: std::env::vars_os().collect(),
            sets: self.sets(),
            flags: Vec::new(),
            run_dir: self.run_dir.clone(),
            memory: self.memory.clone(),
            threads: self.threads,
            seed: self.seed,
        }
    }

    /// `KEY=VALUE` of each `--set`, and of what stands for one.
    pub fn sets(&self) -> Vec<String> {
        let list = self.files_from.iter().map(|list| {
            let entry = format!("@{list}").replace('\\', "\\\\").replace('"', "\\\"");
            format!("corpus.inputs=[\"{entry}\"]")
        });
        self.set.iter().cloned().chain(list).collect()
    }
}

impl PreviewArgs {
    /// The layers of the configuration, with this process's environment.
    pub fn sources(&self) -> Sources {
        Sources {
            file: self.pipeline.clone(),
            variables: std::env::vars_os().collect(),
            sets: self.set.clone(),
            run_dir: self.run_dir.clone(),
            ..Sources::default()
        }
    }
}

fn parse_memory(text: &str) -> Result<u64, String> {
    let bytes = parse_size(text)?;
    let enough = bytes >= LEAST_MEMORY;
    enough.then_some(bytes).ok_or_else(|| "expected at least 32 MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<(), clap::error::ErrorKind>) {
        let words = std::iter::once("wordmill").chain(line.split_whitespace());
        let parsed = Cli::try_parse_from(words).map(|_| ());
        assert_eq!(parsed.map_err(|error| error.kind()), expected, "{line}");
    }

    #[test]
    fn the_names_that_scripts_rely_on_are_there() {
        Cli::command().debug_assert();
        for line in [
            "run",
            "run p.toml --set a.b=1 --set c=2 --run-dir d --memory 1GiB --threads 2 --seed 3",
            "run --until merge --rebuild --max-time 1h30m --progress json",
            "plan p.toml --set a.b=1",
            "status run",
            "verify run a.safetensors",
            "init",
            "sample --bytes 100MB --seed 2",
            "info a.safetensors",
            "vector v.safetensors king --json",
            "similar v.safetensors king queen -n 5 --which sum",
            "analogy v.safetensors a b c -n 1 --method mul",
            "similar v.safetensors king --minus man --minus men --method mul --json",
            "similar v.safetensors king queen --each",
            "predict v.safetensors the cat -n 3 --json",
            "query v.safetensors -n 3 --which sum --method mul",
            "eval a.safetensors b.safetensors --outliers 888 --convention word2vec --method add --seed 3",
            "eval v.safetensors --analogies q.txt --similarity a --similarity b --top 1000 --json",
            "export v.safetensors out --format word2vec-text --which concat --normalize --top 9",
            "export v out --format npy --dtype f16 --spaces underscore",
            "report run",
            "convert a.bin out",
            "convert a.bin out --format safetensors",
            "convert a.bin out --format word2vec-text",
            "convert - out.bin --bad-rows repair --spaces underscore",
            "similar a.vec king --bad-rows skip",
            "import-counts vocab.txt cooccurrence.bin run --memory 64MiB --threads 2 --progress none",
            "matrix run --format npz out",
            "matrix run --format mtx out",
            "matrix run --format glove out",
            "matrix run --format ppmi out",
            "run -q",
            "run -v --log a.log --log-level debug",
            "status run --json",
            "plan --json",
            "info a --json",
            "verify a --json",
            "report run --json",
            "export v out.vec.gz",
            "doctor",
            "doctor run --json",
            "completions zsh",
            "man",
            "man pages",
        ] {
            check(line, Ok(()));
        }
    }

    #[test]
    fn slips_are_refused() {
        use clap::error::ErrorKind as K;
        check("run --vectorsize 7", Err(K::UnknownArgument));
        check("run -q -v", Err(K::ArgumentConflict));
        check("run --log-level debug", Err(K::MissingRequiredArgument));
        check("completions csh", Err(K::InvalidValue));
        check("run --max-time 8", Err(K::ValueValidation));
        check("export v out --format csv", Err(K::ValueValidation));
        check("convert a b --format csv", Err(K::ValueValidation));
        check("export v out --format npy --dtype f64", Err(K::InvalidValue));
        check("convert a", Err(K::MissingRequiredArgument));
        check("convert a b --bad-rows keep", Err(K::InvalidValue));
        check("import-counts a b c --memory 1MiB", Err(K::ValueValidation));
        check("matrix run out", Err(K::MissingRequiredArgument));
        check("matrix run --format csv out", Err(K::InvalidValue));
        check("similar v w --which all", Err(K::InvalidValue));
        check("similar v w --each --minus x", Err(K::ArgumentConflict));
        check("predict v", Err(K::MissingRequiredArgument));
        check("grind", Err(K::InvalidSubcommand));
    }
    /// Every command and the program itself, with its help.
    fn helps(render: fn(&mut clap::Command) -> String) -> Vec<(String, String)> {
        let mut cli = Cli::shown();
        cli.build();
        let names: Vec<String> = cli.get_subcommands().map(|it| it.get_name().to_owned()).collect();
        let mut all = vec![("wordmill".to_owned(), render(&mut cli))];
        for name in names.into_iter().filter(|name| name != "help") {
            let command = cli.find_subcommand_mut(&name).expect("it is one of them");
            all.push((name, render(command)));
        }
        all
    }

    #[test]
    fn short_help_has_a_line_for_each_flag_and_long_help_no_wide_line() {
        let short = |command: &mut clap::Command| {
            let text = command.clone().term_width(80).render_help().to_string();
            let flags = command.get_arguments().filter(|it| !it.is_positional());
            let flags = flags.filter(|it| !it.is_hide_set()).count();
            let (_, options) = text.split_once("Options:\n").expect("there is --help");
            let options = options.split("\n\n").next().unwrap_or_default();
            assert_eq!(options.lines().count(), flags, "{text}");
            text
        };
        let long = |command: &mut clap::Command| {
            command.clone().term_width(80).render_long_help().to_string()
        };
        for (name, text) in helps(short).into_iter().chain(helps(long)) {
            let wide = text.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "{name}");
        }
    }
}
