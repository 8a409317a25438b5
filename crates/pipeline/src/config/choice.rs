//! Settings that are one of a few names, and the guess at what a mistyped name meant.

/// A setting with a fixed list of names.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// Names and what they stand for.
    const NAMES: &'static [(&'static str, Self)];

    /// The name in pipeline.toml.
    fn name(self) -> &'static str {
        let entry = Self::NAMES.iter().find(|(_, choice)| *choice == self);
        entry.expect("every choice is listed").0
    }

    /// The choice of a name, or what is wrong with it.
    fn parse(name: &str) -> Result<Self, String> {
        if let Some((_, choice)) = Self::NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*choice);
        }
        let names = Self::NAMES.iter().map(|(known, _)| *known);
        let list: Vec<_> = names.clone().map(|known| format!("{known:?}")).collect();
        let allowed = list.join(" or ");
        Err(format!("unknown value {name:?}{}; choose {allowed}", did_you_mean(name, names)))
    }
}

/// `, did you mean NAME?` if one of the names is close, otherwise nothing.
pub(crate) fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, names) {
        Some(name) => format!(", did you mean {name:?}?"),
        None => String::new(),
    }
}

/// The name that differs least from a word, if it differs in no more than a third of its letters.
fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let distance = |name: &'a str| (strsim::damerau_levenshtein(&word, name), name);
    let close = |(distance, name): &(usize, &str)| 3 * distance <= name.len().max(word.len()) + 1;
    let names = names.into_iter().map(distance).filter(close);
    names.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Declares enums of choices with their names.
macro_rules! choices {
    ($($(#[$doc:meta])* $enum:ident { $($(#[$of:meta])* $choice:ident = $name:literal),* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $enum {
            $($(#[$of])* $choice,)*
        }

        impl Choice for $enum {
            const NAMES: &'static [(&'static str, Self)] = &[$(($name, Self::$choice)),*];
        }
    )*};
}

choices! {
    /// `corpus.format`: what a document is.
    Format {
        /// A document a line.
        Lines = "lines",
        /// Lines up to a blank one.
        Documents = "documents",
        /// A field of an object a line.
        Jsonl = "jsonl",
        /// A column between commas.
        CsvColumn = "csv-column",
        /// A column between tabs.
        TsvColumn = "tsv-column",
        /// An article of a dump of MediaWiki.
        MediaWiki = "mediawiki",
        /// A column of a Parquet file.
        Parquet = "parquet",
        /// A page of Common Crawl's WET files.
        Wet = "wet"
    }

    /// `corpus.tokenizer`: where words are cut.
    Tokenizer {
        /// At white space.
        Whitespace = "whitespace",
        /// At the word boundaries of UAX 29.
        Words = "words",
        /// The same, then Korean words into stems and endings.
        Korean = "korean",
        /// The same, then words into pieces by byte pair encoding.
        Bpe = "bpe",
        /// By dictionaries of languages that write no spaces.
        Cjk = "cjk",
        /// By a file of Hugging Face's library, whose name follows.
        Hf = "hf:",
        /// By a program, whose command line follows.
        Command = "command:"
    }

    /// `corpus.endings`, of Korean: what becomes of them.
    Endings {
        /// They are words.
        Keep = "keep",
        /// They are left out.
        Drop = "drop"
    }

    /// `phrases.score`: what a pair of words is worth.
    Score {
        /// word2phrase's: how much more often they meet than by chance.
        Default = "default",
        /// Normalised pointwise mutual information.
        Npmi = "npmi"
    }

    /// `corpus.duplicate_lines`: what becomes of a line whose words are those of an earlier one.
    DuplicateLines {
        /// It is text like any other.
        Keep = "keep",
        /// It is left out.
        Drop = "drop"
    }

    /// `corpus.normalize`: Unicode normalisation.
    Normalize {
        /// Composed.
        Nfc = "nfc",
        /// Composed, and what only looks different made the same.
        Nfkc = "nfkc",
        /// As it is.
        None = "none"
    }

    /// `corpus.accents`: what becomes of accents.
    Accents {
        /// They stay.
        Keep = "keep",
        /// They are taken off.
        Strip = "strip"
    }

    /// `corpus.apostrophes` and `corpus.hyphens`: what becomes of a mark within a word.
    Mark {
        /// It holds the word together.
        Keep = "keep",
        /// The word is cut there.
        Split = "split",
        /// It is taken out.
        Drop = "drop"
    }

    /// `corpus.digits`: what becomes of digits.
    Digits {
        /// As they are.
        Keep = "keep",
        /// Numbers are left out.
        Drop = "drop",
        /// Every digit becomes `0`.
        Zero = "zero"
    }

    /// `corpus.invalid_utf8`: what becomes of a line that is not UTF-8.
    InvalidUtf8 {
        /// The wrong bytes separate words.
        Replace = "replace",
        /// The line is left out and counted.
        Skip = "skip",
        /// The run fails.
        Fail = "fail"
    }

    /// `cooccur.weighting`: how weight falls with distance.
    Weighting {
        /// (W − d + 1) / W.
        Linear = "linear",
        /// 1 / d.
        Harmonic = "harmonic",
        /// 1.
        Flat = "flat"
    }

    /// `cooccur.dropped`: whether a word outside the vocabulary keeps its place in the window.
    Dropped {
        /// It leaves no gap.
        Close = "close",
        /// Its place stays.
        Gap = "gap"
    }

    /// `train.model`.
    Model {
        /// A word predicts its neighbours.
        SkipGram = "skip-gram",
        /// The words around a place predict the word there.
        Cbow = "cbow",
        /// Logarithms of counts are factorised.
        Glove = "glove"
    }

    /// `train.preset`: whose settings stand where none are written.
    Preset {
        /// Ours.
        Wordmill = "wordmill",
        /// Those of word2vec.c.
        Word2vec = "word2vec",
        /// Those of fastText, without parts of words.
        Fasttext = "fasttext",
        /// Those of the program glove.
        Glove = "glove"
    }

    /// `train.context_rates`: whether contexts learn at one rate.
    ContextRates {
        /// The rarer the faster.
        ByCount = "by-count",
        /// All at one rate.
        Even = "even"
    }

    /// `train.objective`, of skip-gram.
    Objective {
        /// Tell neighbours from noise.
        NegativeSampling = "negative-sampling",
        /// Decide left or right at each node of a Huffman tree.
        HierarchicalSoftmax = "hierarchical-softmax"
    }

    /// `train.optimizer`.
    Optimizer {
        /// Steps with a falling rate.
        Sgd = "sgd",
        /// A rate of its own for each coordinate.
        Adagrad = "adagrad",
        /// A rate of its own for each vector.
        RowAdagrad = "row-adagrad",
        /// Moving means of gradients and of their squares.
        Adam = "adam"
    }

    /// `train.schedule`: how the rate falls.
    Schedule {
        /// In a line.
        Linear = "linear",
        /// Along half a cosine.
        Cosine = "cosine",
        /// Not at all.
        Constant = "constant"
    }

    /// `train.on_divergence`: what happens when numbers are no longer finite.
    OnDivergence {
        /// Training ends; the last good checkpoint stays.
        Stop = "stop",
        /// Training goes on from the beginning of the epoch at half the rate.
        HalveRate = "halve-rate"
    }

    /// `train.init_bad_rows`: what becomes of rows of the file of `init` that cannot be taken over as they are.
    InitBadRows {
        /// The first one is an error.
        Refuse = "refuse",
        /// They are left out.
        Skip = "skip",
        /// Words are mended where they can be, other bad rows are left out.
        Repair = "repair"
    }

    /// `train.source`: what a trainer reads.
    TrainSource {
        /// Tiles of the co-occurrence matrix.
        Matrix = "matrix",
        /// The text, in its order.
        Windows = "windows"
    }

    /// `train.context`, of CBOW: how the words around a place become one vector.
    Context {
        /// Their mean.
        Mean = "mean",
        /// Their sum.
        Sum = "sum"
    }

    /// `train.window_mode`: how far a window reaches.
    WindowMode {
        /// A random number of words.
        Dynamic = "dynamic",
        /// All of it, words that are farther away count less.
        Expected = "expected"
    }
}
