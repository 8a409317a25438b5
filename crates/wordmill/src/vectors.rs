//! Vectors of words, and what can be asked of them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use wordmill_formats::compat::incoming::{BadRows, RowConfig};
use wordmill_formats::{
    DiskStorage, Intake, MemoryStorage, ScratchStorage, Storage, Vectors as File, Words,
};
use wordmill_pipeline::{Error, spelling_of};
use wordmill_query::{
    AnalogyMethod, Predictor, Which, combine, cosine, find_known, find_word, open,
};

/// Vectors of words, mapped into memory: opening a file of any size takes a moment.
///
/// A word is looked up as it is written, and then as the text of the vectors spells it: in lower case, say, if the text was put
/// into lower case.
pub struct Vectors {
    file: File,
    threads: usize,
}

impl fmt::Debug for Vectors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Vectors({} words, dim {})", self.len(), self.dim())
    }
}

/// A question for neighbours, from [`Vectors::similar`].
#[derive(Debug)]
#[must_use]
pub struct Similar<'a> {
    vectors: &'a Vectors,
    plus: Vec<String>,
    minus: Vec<String>,
    which: Which,
    method: AnalogyMethod,
}

/// A question for an analogy, from [`Vectors::analogy`].
#[derive(Debug)]
#[must_use]
pub struct Analogy<'a>(Similar<'a>);

/// A question for a prediction, from [`Vectors::predict`].
#[derive(Debug)]
#[must_use]
pub struct Predict<'a> {
    vectors: &'a Vectors,
    context: Vec<String>,
}

impl Vectors {
    /// Opens a file. One of wordmill is mapped as it is; one of word2vec, fastText (`.vec`), GloVe, finalfusion or NumPy is
    /// converted in memory first: [`Vectors::open_with_scratch`] takes less of it, and reads packed files and pipes.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no vectors.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let files: Arc<dyn Storage> = Arc::new(DiskStorage);
        Self::open_by(path.as_ref(), &files, &(Arc::new(MemoryStorage::default()) as _))
    }

    /// The same; a file of another program is converted, and a packed one unpacked, into temporary files in `folder`, which disappear
    /// with these vectors.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no vectors; a folder that cannot be written.
    pub fn open_with_scratch(
        path: impl AsRef<Path>,
        folder: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        let (path, folder) = (path.as_ref(), folder.as_ref());
        let files: Arc<dyn Storage> = Arc::new(DiskStorage);
        let intake = Arc::new(Intake::new(files, folder));
        intake.take(path)?;
        let files: Arc<dyn Storage> = intake;
        Self::open_by(path, &files, &(Arc::new(ScratchStorage::new(folder)) as _))
    }

    fn open_by(
        path: &Path,
        files: &Arc<dyn Storage>,
        scratch: &Arc<dyn Storage>,
    ) -> Result<Self, Error> {
        let rows = RowConfig { bad_rows: BadRows::Refuse, advice: "convert the file first" };
        Ok(Self::of(open(files, scratch, rows, path)?.vectors))
    }

    pub(crate) fn of(file: File) -> Self {
        let spelling = spelling_of(file.settings());
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
        Self { file: file.spelled(spelling), threads }
    }

    /// Answers with this many threads; the default is all threads of the machine.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }

    /// The number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.file.words().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.file.dim()
    }

    /// The words, most frequent first, with how often they occur; 0 where the file does not say.
    pub fn words(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        let (words, counts) = (self.file.words(), self.file.words().counts());
        let count = |id: usize| counts.get(id).copied().unwrap_or(0);
        (0..self.len()).map(move |id| (words.text(id).into_owned(), count(id)))
    }

    /// Whether a word has a vector.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        find_word(&self.file, word).is_some()
    }

    /// The row of a word in [`Vectors::matrix`].
    #[must_use]
    pub fn row(&self, word: &str) -> Option<usize> {
        find_word(&self.file, word)
    }

    /// The vector of a word: `dim` numbers.
    #[must_use]
    pub fn vector(&self, word: &str) -> Option<&[f32]> {
        Some(self.file.word_vector(find_word(&self.file, word)?))
    }

    /// All vectors, `len` rows of `dim` numbers, without a copy.
    #[must_use]
    pub fn matrix(&self) -> &[f32] {
        self.file.word_vectors()
    }

    /// The context vectors, where the file has them: `len` rows of `dim` numbers.
    #[must_use]
    pub fn contexts(&self) -> Option<&[f32]> {
        self.file.context_vectors()
    }

    /// The settings that the vectors were trained with, and digests of what they were made from.
    #[must_use]
    pub fn settings(&self) -> &BTreeMap<String, String> {
        self.file.settings()
    }

    /// The cosine of two words, from -1 to 1.
    ///
    /// # Errors
    /// A word without a vector; the error names words that are spelled alike.
    pub fn similarity(&self, one: &str, other: &str) -> Result<f64, Error> {
        let [one, other] = [one, other].map(|word| find_known(&self.file, word));
        Ok(cosine(self.file.word_vector(one?), self.file.word_vector(other?)))
    }

    /// Asks for the words nearest to the sum of some words.
    pub fn similar<S: Into<String>>(&self, words: impl IntoIterator<Item = S>) -> Similar<'_> {
        let plus = words.into_iter().map(Into::into).collect();
        let (which, method) = (Which::Word, AnalogyMethod::Add);
        Similar { vectors: self, plus, minus: Vec::new(), which, method }
    }

    /// Asks for the word that is to `c` as `b` is to `a`: man, king, woman → queen.
    pub fn analogy(&self, a: &str, b: &str, c: &str) -> Analogy<'_> {
        Analogy(self.similar([b, c]).minus([a]))
    }

    /// Asks which words probably occur near these (skip-gram), or between them (CBOW), with probabilities; of vectors of negative
    /// sampling and hierarchical softmax.
    pub fn predict<S: Into<String>>(&self, context: impl IntoIterator<Item = S>) -> Predict<'_> {
        Predict { vectors: self, context: context.into_iter().map(Into::into).collect() }
    }

    fn ids(&self, words: &[String]) -> Result<Vec<usize>, Error> {
        Ok(words.iter().map(|word| find_known(&self.file, word)).collect::<Result<_, _>>()?)
    }

    fn named<S>(&self, found: Vec<(usize, S)>) -> Vec<(String, S)> {
        let words = self.file.words();
        found.into_iter().map(|(id, score)| (words.text(id).into_owned(), score)).collect()
    }
}

impl Similar<'_> {
    /// Words that are subtracted.
    pub fn minus<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.minus.extend(words.into_iter().map(Into::into));
        self
    }

    /// Which vectors are compared: of words, of contexts, or their sum.
    pub fn among(self, which: Which) -> Self {
        Self { which, ..self }
    }

    /// The `n` nearest words with their cosines, nearest first; none of those that were asked for.
    ///
    /// # Errors
    /// A word without a vector; a sum that is zero.
    pub fn top(self, n: usize) -> Result<Vec<(String, f32)>, Error> {
        let Self { vectors, plus, minus, which, method } = self;
        let (plus, minus) = (vectors.ids(&plus)?, vectors.ids(&minus)?);
        let threads = vectors.threads;
        let found = combine(&vectors.file, which, &plus, &minus, method, n, threads)?;
        Ok(vectors.named(found))
    }
}

impl Analogy<'_> {
    /// How answers are scored: 3CosAdd, which is the default, or 3CosMul.
    pub fn method(self, method: AnalogyMethod) -> Self {
        Self(Similar { method, ..self.0 })
    }

    /// The `n` best answers with their scores.
    ///
    /// # Errors
    /// A word without a vector.
    pub fn top(self, n: usize) -> Result<Vec<(String, f32)>, Error> {
        self.0.top(n)
    }
}

impl Predict<'_> {
    /// The `n` most probable words with their probabilities.
    ///
    /// # Errors
    /// A word without a vector; vectors whose scores are no probabilities, such as GloVe's.
    pub fn top(self, n: usize) -> Result<Vec<(String, f64)>, Error> {
        let Self { vectors, context } = self;
        let context = vectors.ids(&context)?;
        let predictor = Predictor::new(&vectors.file)?;
        Ok(vectors.named(predictor.best(&context, n, vectors.threads)?))
    }
}
