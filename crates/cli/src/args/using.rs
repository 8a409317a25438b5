//! The arguments of the commands that use vectors: questions, scores, other formats.

use std::path::PathBuf;

use clap::Args;
use wordmill_query::{ConvertFormat, ExportFormat};

use super::values::{
    BadRowsArg, ConventionArg, ElementArg, ExportWhichArg, MethodArg, SpacesArg, WhichArg,
};

/// How words are looked up.
#[derive(Clone, Copy, Debug, Args)]
pub struct RawArg {
    /// Look words up as they are typed, and not also in the form that the corpus gave them
    #[arg(long)]
    pub raw: bool,
}

/// How rows of other programs' files are read.
#[derive(Clone, Copy, Debug, Args)]
pub struct RowsArg {
    /// Rows of another program's file that cannot be taken over as they are: end with an error, leave them out, or mend their
    /// words where they can be; what was done is counted and reported
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    pub bad_rows: BadRowsArg,
}

/// `wordmill vector`
#[derive(Debug, Args)]
pub struct VectorArgs {
    /// The vectors, of any format that `convert` reads; - is standard input
    pub vectors: PathBuf,
    /// Words
    #[arg(required = true, value_name = "WORD")]
    pub words: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub raw: RawArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rows: RowsArg,
}

/// `wordmill similar`
#[derive(Debug, Args)]
pub struct SimilarArgs {
    /// The vectors, of any format that `convert` reads; - is standard input
    pub vectors: PathBuf,
    /// Words; several are added up
    #[arg(required = true, value_name = "WORD")]
    pub words: Vec<String>,
    /// A word to be taken away; may be given several times
    #[arg(long, value_name = "WORD")]
    pub minus: Vec<String>,
    /// The neighbours of each word by itself
    #[arg(long, conflicts_with_all = ["minus", "method"])]
    pub each: bool,
    /// How many neighbours
    #[arg(short, value_name = "N", default_value_t = 10)]
    pub n: usize,
    /// Which vectors are compared
    #[arg(long, default_value = "word")]
    pub which: WhichArg,
    /// Add cosines, or multiply them (3CosMul)
    #[arg(long, default_value = "add")]
    pub method: MethodArg,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Threads, 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub raw: RawArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rows: RowsArg,
}

/// `wordmill analogy`
#[derive(Debug, Args)]
pub struct AnalogyArgs {
    /// The vectors, of any format that `convert` reads; - is standard input
    pub vectors: PathBuf,
    /// A, as in "A is to B as C is to ?"
    pub a: String,
    /// B
    pub b: String,
    /// C
    pub c: String,
    /// How many answers
    #[arg(short, value_name = "N", default_value_t = 10)]
    pub n: usize,
    /// Add cosines (3CosAdd) or multiply them (3CosMul)
    #[arg(long, default_value = "add")]
    pub method: MethodArg,
    /// Which vectors are compared
    #[arg(long, default_value = "word")]
    pub which: WhichArg,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Threads, 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub raw: RawArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rows: RowsArg,
}

/// `wordmill predict`
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The vectors, of a trainer with negative sampling or hierarchical softmax
    pub vectors: PathBuf,
    /// The words around the one that is asked for
    #[arg(required = true, value_name = "CONTEXT_WORD")]
    pub words: Vec<String>,
    /// How many words
    #[arg(short, value_name = "N", default_value_t = 10)]
    pub n: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Threads, 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub raw: RawArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rows: RowsArg,
}

/// `wordmill query`
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The vectors, of any format that `convert` reads; - is standard input
    pub vectors: PathBuf,
    /// How many answers
    #[arg(short, value_name = "N", default_value_t = 10)]
    pub n: usize,
    /// Which vectors are compared
    #[arg(long, default_value = "word")]
    pub which: WhichArg,
    /// Add cosines, or multiply them (3CosMul)
    #[arg(long, default_value = "add")]
    pub method: MethodArg,
    /// Threads, 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub raw: RawArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rows: RowsArg,
}

/// `wordmill eval`
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Vectors of any format that `convert` reads; several are compared with the first
    #[arg(required = true, value_name = "VECTORS")]
    pub vectors: Vec<PathBuf>,
    /// Analogies in the format of questions-words.txt, or BATS's pairs; a file, or a folder of them
    #[arg(long, value_name = "FILE")]
    pub analogies: Vec<PathBuf>,
    /// Similarity sets: word, word, score; a file, or a folder of them
    #[arg(long, value_name = "FILE")]
    pub similarity: Vec<PathBuf>,
    /// Outliers in the 8-8-8 format; a file, or a folder of them
    #[arg(long, value_name = "FILE")]
    pub outliers: Vec<PathBuf>,
    /// Add the cosines of an analogy, or multiply them (3CosMul)
    #[arg(long, default_value = "add")]
    pub method: MethodArg,
    /// Whose rules hold: ours, compute-accuracy.c's, or gensim's
    #[arg(long, default_value = "wordmill")]
    pub convention: ConventionArg,
    /// The seed of the intervals
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Analogies among the most frequent words only; 0 for all
    #[arg(long, value_name = "N", default_value_t = 30_000)]
    pub top: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Threads, 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub raw: RawArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rows: RowsArg,
}

/// `wordmill export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The vectors, of any format that `convert` reads; - is standard input
    pub vectors: PathBuf,
    /// The file to write; pipes and devices are written into, - is standard output
    pub out: PathBuf,
    /// What to write, see below
    #[arg(long, value_parser = parse_format)]
    pub format: ExportFormat,
    /// Which vectors: word, context, their sum, mean, or both in a row
    #[arg(long, default_value = "word")]
    pub which: ExportWhichArg,
    /// Scale every vector to length 1
    #[arg(long)]
    pub normalize: bool,
    /// The most frequent words only; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub top: usize,
    /// Smaller numbers: safetensors holds f16 and int8, npy f16; what they lose is printed
    #[arg(long, default_value = "f32")]
    pub dtype: ElementArg,
    /// Words with spaces in formats that cannot hold them
    #[arg(long, default_value = "refuse")]
    pub spaces: SpacesArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rows: RowsArg,
}

/// `wordmill convert`
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// The vectors: a file, packed or not, or a pipe; - is standard input
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The file to write; pipes and devices are written into, - is standard output
    pub out: PathBuf,
    /// What to write, see below; without it the ending of OUT tells
    #[arg(long, value_parser = parse_convert_format)]
    pub format: Option<ConvertFormat>,
    /// Words with spaces in formats that cannot hold them
    #[arg(long, default_value = "refuse")]
    pub spaces: SpacesArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rows: RowsArg,
}

fn parse_format(name: &str) -> Result<ExportFormat, String> {
    ExportFormat::parse(name).map_err(|error| error.to_string())
}

pub fn parse_convert_format(name: &str) -> Result<ConvertFormat, String> {
    ConvertFormat::parse(name).map_err(|error| error.to_string())
}
