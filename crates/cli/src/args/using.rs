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
    /// Look words up exactly as typed
    ///
    /// Otherwise a word that is not known is also looked up in the form that the
    /// text was given: lower case, composed, as the corpus settings say.
    #[arg(long)]
    pub raw: bool,
}

/// How rows of other programs' files are read.
#[derive(Clone, Copy, Debug, Args)]
pub struct RowsArg {
    /// Bad rows: refuse|skip|repair
    ///
    /// What to do with rows of another program's file that are not as they should
    /// be: end with an error, leave them out, or mend words where possible. The
    /// command reports how many there were.
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    pub bad_rows: BadRowsArg,
}

/// `wordmill vector`
#[derive(Debug, Args)]
pub struct VectorArgs {
    /// Vectors of any format; - is standard input
    ///
    /// Takes any format that `convert` reads.
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
    /// Vectors of any format; - is standard input
    ///
    /// Takes any format that `convert` reads.
    pub vectors: PathBuf,
    /// Words; several are added
    #[arg(required = true, value_name = "WORD")]
    pub words: Vec<String>,
    /// A word to subtract; may be given several times
    #[arg(long, value_name = "WORD")]
    pub minus: Vec<String>,
    /// Print the neighbours of each word by itself
    #[arg(long, conflicts_with_all = ["minus", "method"])]
    pub each: bool,
    /// How many neighbours
    #[arg(short, value_name = "N", default_value_t = 10)]
    pub n: usize,
    /// Vectors to compare: word|context|sum
    #[arg(long, default_value = "word")]
    pub which: WhichArg,
    /// How cosines combine: add|mul
    ///
    /// add is 3CosAdd, mul is 3CosMul.
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
    /// Vectors of any format; - is standard input
    ///
    /// Takes any format that `convert` reads.
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
    /// How cosines combine: add|mul
    ///
    /// add is 3CosAdd, mul is 3CosMul.
    #[arg(long, default_value = "add")]
    pub method: MethodArg,
    /// Vectors to compare: word|context|sum
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
    /// Vectors of wordmill
    ///
    /// Those of a trainer with negative sampling or hierarchical softmax.
    pub vectors: PathBuf,
    /// The words around it
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
    /// Vectors of any format; - is standard input
    ///
    /// Takes any format that `convert` reads.
    pub vectors: PathBuf,
    /// How many answers
    #[arg(short, value_name = "N", default_value_t = 10)]
    pub n: usize,
    /// Vectors to compare: word|context|sum
    #[arg(long, default_value = "word")]
    pub which: WhichArg,
    /// How cosines combine: add|mul
    ///
    /// add is 3CosAdd, mul is 3CosMul.
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
    /// Vectors; others are compared with the first
    ///
    /// Takes any format that `convert` reads.
    #[arg(required = true, value_name = "VECTORS")]
    pub vectors: Vec<PathBuf>,
    /// Analogies: a file, or a folder of files
    ///
    /// In the format of questions-words.txt, or BATS's pairs.
    #[arg(long, value_name = "FILE")]
    pub analogies: Vec<PathBuf>,
    /// Similarity sets: a file, or a folder of files
    ///
    /// Each line is word, word, score.
    #[arg(long, value_name = "FILE")]
    pub similarity: Vec<PathBuf>,
    /// Outliers: a file, or a folder of files
    ///
    /// In the 8-8-8 format.
    #[arg(long, value_name = "FILE")]
    pub outliers: Vec<PathBuf>,
    /// How cosines combine: add|mul
    ///
    /// In analogies: add is 3CosAdd, mul is 3CosMul.
    #[arg(long, default_value = "add")]
    pub method: MethodArg,
    /// Rules: wordmill|word2vec|gensim
    ///
    /// Whose rules hold for words that differ in case and for words that may be
    /// answers: ours, those of compute-accuracy.c, or those of gensim.
    #[arg(long, value_name = "NAME", default_value = "wordmill")]
    pub convention: ConventionArg,
    /// The seed of the intervals
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Answers of analogies; 0 for all
    ///
    /// Analogies are asked among the N most frequent words only.
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
    /// Vectors of any format; - is standard input
    ///
    /// Takes any format that `convert` reads.
    pub vectors: PathBuf,
    /// The file to write; - is standard output
    ///
    /// The ending tells the format; .gz or .zst after it packs the file. Pipes and
    /// devices are written into.
    pub out: PathBuf,
    /// The format, if the ending of OUT is none
    #[arg(long, value_parser = parse_format)]
    pub format: Option<ExportFormat>,
    /// Vectors: word|context|sum|mean|concat
    ///
    /// Which vectors: those of words, of contexts, their sum or mean, or both in a
    /// row.
    #[arg(long, default_value = "word")]
    pub which: ExportWhichArg,
    /// Scale every vector to length 1
    #[arg(long)]
    pub normalize: bool,
    /// The N most frequent words; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub top: usize,
    /// Numbers: f32|f16|int8
    ///
    /// safetensors holds all of them, npy f32 and f16, other formats f32. The
    /// command prints what smaller numbers lose.
    #[arg(long, default_value = "f32")]
    pub dtype: ElementArg,
    /// Words with spaces: refuse|underscore
    ///
    /// What to do with words that contain spaces, in formats that cannot hold them.
    #[arg(long, default_value = "refuse")]
    pub spaces: SpacesArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rows: RowsArg,
}

/// `wordmill convert`
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Vectors of any format; - is standard input
    ///
    /// A file, packed or not, or a pipe.
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The file to write; - is standard output
    ///
    /// The ending tells the format; .gz or .zst after it packs the file. Pipes and
    /// devices are written into.
    pub out: PathBuf,
    /// The format, if the ending of OUT is none
    #[arg(long, value_parser = parse_convert_format)]
    pub format: Option<ConvertFormat>,
    /// Words with spaces: refuse|underscore
    ///
    /// What to do with words that contain spaces, in formats that cannot hold them.
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
