//! The command line as clap sees it: every command, its flags, and nothing of what they do.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use hints::{hinted, one_dash};
pub use train::{TrainArgs, joined_switches};
pub use using::*;
pub use values::*;

use wordmill_flow::{parse_duration, parse_size};
use wordmill_pipeline::config::{LEAST_MEMORY, Sources};

mod hints;
mod train;
mod using;
mod values;

/// Grinds a text corpus larger than memory into word vectors.
#[derive(Debug, Parser)]
#[command(name = "wordmill", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 2 wrong usage or configuration; 3 bad input data; \
4 corrupt or foreign artefact; 5 out of disk or memory budget; 6 training diverged; 75 stopped early \
on request, run again to go on; 1 anything else (a bug).";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// From text to vectors: runs every stage that is not done yet
    Run(RunArgs),
    /// From texts to one file of vectors, without a pipeline
    #[command(after_help = TRAIN_HELP)]
    Train(Box<TrainArgs>),
    /// Memory, disk, open files and time of every stage; nothing is written
    Plan(PlanArgs),
    /// Stages of a run: what is done, what is stale and why
    Status(StatusArgs),
    /// Removes stages that the pipeline of a run no longer has; without names, lists them
    Clean(CleanArgs),
    /// Checks lengths, checksums and cross-references of artefacts
    Verify(VerifyArgs),
    /// Writes a commented pipeline.toml
    Init(InitArgs),
    /// Prints the JSON schema of pipeline.toml, for editors and other programs
    Schema,
    /// Shows what reader and tokeniser make of the first lines of a text
    #[command(after_help = PREVIEW_HELP)]
    Preview(PreviewArgs),
    /// Writes the built-in corpus to standard output
    Sample(SampleArgs),
    /// Says what a file is, the settings that made it, and for vectors their shape and spread
    Info(InfoArgs),
    /// Prints the vectors of words
    Vector(VectorArgs),
    /// Prints the nearest neighbours of words
    Similar(SimilarArgs),
    /// A is to B as C is to what?
    Analogy(AnalogyArgs),
    /// Which word stands among these? With probabilities
    #[command(after_help = PREDICT_HELP)]
    Predict(PredictArgs),
    /// Asks for neighbours, analogies and predictions, interactively
    #[command(after_help = QUERY_HELP)]
    Query(QueryArgs),
    /// Scores vectors on analogies, similarity sets and outliers, and compares them
    #[command(after_help = EVAL_HELP)]
    Eval(EvalArgs),
    /// Writes vectors in another program's format
    #[command(after_help = EXPORT_HELP)]
    Export(ExportArgs),
    /// Reads vectors of any known format and writes them in another
    #[command(after_help = CONVERT_HELP)]
    Convert(ConvertArgs),
    /// Writes a page about a run: times, curves, scores, a map of words; it needs nothing else
    Report(ReportArgs),
    /// Writes the co-occurrence matrix in another program's format
    #[command(after_help = MATRIX_HELP)]
    Matrix(MatrixArgs),
    /// Starts a run from counts of another program instead of text
    #[command(after_help = IMPORT_HELP)]
    ImportCounts(ImportCountsArgs),
}

const TRAIN_HELP: &str = "\
What is trained depends on what is typed: pipeline.toml is not read. Variables WORDMILL__SECTION__KEY and --set give any other \
setting; `wordmill init` writes a pipeline with all of them for `wordmill run`.

The ending of OUT names the format: .safetensors (vectors of wordmill, with all that `predict` needs), .bin (word2vec's), .vec \
(word2vec's and fastText's text), .fifu (finalfusion), .npy (NumPy; words in OUT.vocab.txt), .arrow and .parquet in builds with \
--features parquet. - is standard output, with --format. A file that is there is replaced when the new one is whole.

The run is kept in OUT.run until OUT is written: after an interruption the same command resumes there.

Example:
  wordmill train corpus.txt.gz -o vectors.safetensors --dim 300 --epochs 5
  wordmill train texts/ -o vectors.bin --model cbow --window 8 --min-count 10
  wordmill similar vectors.bin king";

const PREVIEW_HELP: &str = "\
Left the line as it was read, right its words. It reads what [corpus] says and writes nothing; no run directory is needed. Pieces \
(tokenizer = \"korean\" or \"bpe\") are shown where corpus.pieces or the run directory has learned ones.

Example:
  wordmill preview dump.jsonl.gz --set corpus.format=jsonl --set corpus.field=body
  wordmill preview ko.txt --set corpus.tokenizer=korean --set corpus.pieces=run/pieces/korean.tsv";

const PREDICT_HELP: &str = "\
Several words predict by the mean of their vectors, as in CBOW. Of hierarchical softmax the probability of a word is the \
product of the decisions on its path through the tree; of negative sampling it is the softmax of the scores, to which s * ln count \
is added: the noise that the model was told from is taken out again (s is noise_exponent). Frequent words were thinned out in \
training, and are in these probabilities. Scores that were trained with another loss are no probabilities, and are refused.";

const QUERY_HELP: &str = "\
What can be asked:
  king                   neighbours
  king - man + woman     neighbours of a sum
  man : king :: woman    man is to king as woman is to ?
  ? the cat on the       which word stands among these
  :n 20  :which sum  :method mul  :help  :quit

Words are completed with TAB; the history is kept in $XDG_STATE_HOME/wordmill/history, or under ~/.local/state. What comes through a \
pipe is answered line by line, with an empty line behind each answer; a question that cannot be answered is reported on standard \
error with the number of its line, its place holds the empty line alone, and the exit code at the end is 2.";

const EVAL_HELP: &str = "\
Without a set, those of the built-in sample are asked; builtin:sample names them beside others. Intervals are by the bootstrap, \
differences between files by McNemar's exact test and the paired bootstrap.

Example:
  wordmill eval run/vectors/sgns.safetensors run/vectors/glove.safetensors --analogies questions-words.txt --similarity ws353.tsv
  wordmill eval vectors.safetensors --analogies questions-words.txt --convention gensim --top 300000";

const EXPORT_HELP: &str = "\
Formats:
  word2vec       word2vec's binary format
  word2vec-text  word2vec's text format; fasttext-vec is the same
  glove          the same without the header line
  finalfusion    rows of length 1, their lengths, and the settings: .fifu
  npy            an array of NumPy, f32 or f16; the words in OUT.vocab.txt
  safetensors    a vectors file of wordmill with only what was asked for; f16 and int8 are unpacked by `convert`
  projector      a folder for TensorBoard's projector
  arrow, parquet a table of words, counts and vectors; in builds with --features parquet

Example:
  wordmill export run/vectors/sgns.safetensors small.safetensors --format safetensors --top 50000 --dtype int8";

const CONVERT_HELP: &str = "\
What IN is, is told by its content: vectors of wordmill, word2vec (binary or text; fastText's .vec), GloVe, \
finalfusion, a two-dimensional array of NumPy whose words stand in IN.vocab.txt, a line `word` or `word count` each, \
or (in builds with --features parquet) a table of Arrow or Parquet with a column of words and one of vectors. \
Any of them may be packed with gzip, bzip2, zstd or (in builds with --features xz) xz, and may come through a pipe; it is then \
unpacked or read into a temporary file on the disk of OUT.

Bad rows have a word that is empty, not UTF-8 or that of an earlier row, numbers that are not finite, too many or too few of \
them. --bad-rows skip leaves them out, of rows with one word the first is kept; --bad-rows repair also puts U+FFFD in the place \
of bytes that are not UTF-8, and takes a last line without its end. In text the last numbers of a line are the vector, so that \
words may have spaces in them.

OUT stays what it is: a pipe or a device is written into, and of a link what it leads to is replaced. safetensors, npy and \
projector need a regular file.

Formats:
  safetensors    vectors of wordmill: .safetensors
  word2vec       word2vec's binary format: .bin
  word2vec-text  word2vec's text format: .vec
  glove          the same without the header line
  finalfusion    finalfusion's format: .fifu
  npy            an array of NumPy and OUT.vocab.txt: .npy
  projector      a folder for TensorBoard's projector
  arrow, parquet a table: .arrow, .parquet; in builds with --features parquet

Example:
  wordmill convert GoogleNews.bin news.safetensors
  wordmill similar news.safetensors king";

const MATRIX_HELP: &str = "\
OUT is a regular file, or a link to one, because there are always two files. \
The words go to OUT.vocab.txt, a line `word count` for each row, in the order of the rows and columns; \
it is the order of vocab/vocabulary.tsv too.

Formats:
  npz    compressed sparse rows for scipy.sparse.load_npz; weights as 64-bit floats
  mtx    MatrixMarket text for scipy.io.mmread; the lower triangle of a symmetric matrix
  glove  cooccurrence.bin of GloVe; OUT.vocab.txt is its vocab.txt
  ppmi   as npz, with positive pointwise mutual information as 32-bit floats

Example:
  wordmill run --until merge
  wordmill matrix run --format npz counts.npz";

const IMPORT_HELP: &str = "\
COUNTS is GloVe's cooccurrence.bin (shuffled or not), or a text with a line `word word weight` a pair; \
either may be packed with gzip, bzip2 or zstd. Pairs that occur twice are added up. VOCAB is GloVe's \
vocab.txt, or the vocabulary.tsv of a run: `word count` a line, most frequent first.

`wordmill run PIPELINE.toml --run-dir RUN_DIR` then shuffles and trains; [corpus], [vocabulary] and \
[cooccur] do not apply there.

Example:
  wordmill import-counts vocab.txt cooccurrence.bin imported
  wordmill run pipeline.toml --run-dir imported";

/// Where a pipeline's settings come from.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    /// The pipeline; without it pipeline.toml of this folder, otherwise the built-in one
    #[arg(value_name = "PIPELINE.toml")]
    pub pipeline: Option<PathBuf>,
    /// Sets any key by its dotted name, such as cooccur.window=8 or train.0.dim=300
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Reads the files that LIST names, a path a line; - is the standard input (corpus.inputs = "@LIST")
    #[arg(long, value_name = "LIST")]
    pub files_from: Option<String>,
    /// The run directory (run.dir)
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// The memory budget of all stages, such as 2GiB (run.memory)
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
    #[arg(long, value_name = "STAGE")]
    pub until: Option<String>,
    /// Make stages anew whose settings have changed
    #[arg(long)]
    pub rebuild: bool,
    /// Stop after this time, such as 8h or 1h30m; run again to go on
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_time: Option<Duration>,
    /// How progress is shown, on standard error
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressArg,
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
}

/// `wordmill status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The run directory
    pub run_dir: PathBuf,
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
}

/// `wordmill preview`
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The text, as in corpus.inputs; without it the first input of the pipeline
    pub file: Option<String>,
    /// The pipeline; without it pipeline.toml of this folder, otherwise the built-in one
    #[arg(long, value_name = "PIPELINE.toml")]
    pub pipeline: Option<PathBuf>,
    /// Sets any key by its dotted name, such as corpus.tokenizer=whitespace
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The run directory in which learned pieces are looked for (run.dir)
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
    /// At least this much text, up to the end of a line, such as 100MB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub bytes: u64,
    /// Another seed gives other sentences with the same words
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// `wordmill info`
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// A file that wordmill wrote or can convert, or a run directory; - is standard input
    pub file: PathBuf,
}

/// `wordmill matrix`
#[derive(Debug, Args)]
pub struct MatrixArgs {
    /// The run directory
    pub run_dir: PathBuf,
    /// What to write, see below
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
}

/// `wordmill import-counts`
#[derive(Debug, Args)]
pub struct ImportCountsArgs {
    /// Words with their counts
    pub vocab: PathBuf,
    /// Pairs of words with their weights
    pub counts: PathBuf,
    /// The run directory to make
    pub run_dir: PathBuf,
    /// The memory budget, such as 2GiB
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_memory)]
    pub memory: u64,
    /// Threads, 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// How progress is shown, on standard error
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressArg,
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
    use clap::CommandFactory;

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
        ] {
            check(line, Ok(()));
        }
    }

    #[test]
    fn slips_are_refused() {
        use clap::error::ErrorKind as K;
        check("run --vectorsize 7", Err(K::UnknownArgument));
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
}
