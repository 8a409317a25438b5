//! The resources that a stage needs, as plain numbers. Each stage computes them beside its arithmetic, and a
//! plan adds them up.

/// Sizes of a text and of its results, known or estimated.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Unpacked bytes; 0 without a text.
    pub bytes: f64,
    /// Lines.
    pub lines: f64,
    /// Tokens.
    pub tokens: f64,
    /// Distinct words of the sample.
    pub local_words: f64,
    /// Words of the vocabulary.
    pub words: f64,
    /// Cells of the matrix.
    pub cells: f64,
    /// The power with which cells grow with the text.
    pub cell_growth: f64,
    /// Bytes of characters that are not ASCII.
    pub wide_bytes: f64,
    /// Memory for unpacking: of one file, and of as many as there are threads.
    pub unpacking_bytes: [f64; 2],
    /// Seconds for reading, unpacking or making it, if no worker can do it beside others.
    pub read_seconds: f64,
}

/// The resources of a stage: memory beside that of the program itself, and threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub bytes: u64,
    /// Threads.
    pub threads: u64,
}

/// The needs of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Need {
    /// Its minimum memory, in bytes.
    pub least_bytes: f64,
    /// The memory that it will use, in bytes.
    pub memory_bytes: f64,
    /// Peak disk usage, in bytes, beside the files of other stages.
    pub scratch_bytes: f64,
    /// Bytes of the files that it leaves.
    pub left_bytes: f64,
    /// Files open at once.
    pub files: f64,
    /// Seconds of one core of the machine on which costs were measured, a 2023 server with all cores busy.
    pub core_seconds: f64,
    /// Seconds on this machine that more threads do not shorten.
    pub wait_seconds: f64,
}

/// A text cut into chunks.
#[derive(Clone, Copy, Debug)]
pub struct Chunks {
    /// Bytes of one chunk.
    pub bytes: f64,
    /// Number of chunks.
    pub count: f64,
    /// Distinct words of one chunk.
    pub words: f64,
    /// Sum of the distinct words of each chunk.
    pub all_words: f64,
}

impl Sizes {
    /// The text in chunks of this many bytes.
    #[must_use]
    pub fn chunks(&self, chunk_bytes: u64) -> Chunks {
        let bytes = (chunk_bytes as f64).min(self.bytes);
        let count = (self.bytes / bytes).ceil().max(1.0);
        // By the square root of its share of the sample.
        let words = self.local_words * (bytes / 32e6).min(1.0).powf(0.6);
        Chunks { bytes, count, words, all_words: count * words }
    }

    /// Tokens of a chunk of this many bytes.
    #[must_use]
    pub fn chunk_tokens(&self, chunk_bytes: u64) -> f64 {
        self.tokens * (chunk_bytes as f64 / self.bytes).min(1.0)
    }
}

impl Chunks {
    /// Bytes of the token shards of a text with this many tokens.
    #[must_use]
    pub fn shard_bytes(&self, tokens: f64) -> f64 {
        tokens * 1.7 + self.all_words * 5.0
    }
}
