//! Analogies, A is to B as C is to ?, by 3CosAdd and 3CosMul (Levy & Goldberg 2014, CoNLL), and sums of any
//! words.

use wordmill_formats::Vectors;
use wordmill_kernels::best;

use crate::error::QueryError;
use crate::nearest::nearest;
use crate::rows::{Rows, Which};
use crate::search::{Answers, Judge, Search};

/// How the cosines are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnalogyMethod {
    /// 3CosAdd: the cosine with b − a + c.
    Add,
    /// 3CosMul: cos′(b) · cos′(c) / (cos′(a) + ε), where cos′ = (1 + cos) / 2.
    Mul,
}

/// The question "a is to b as c is to ?", of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Analogy {
    /// The first word.
    pub a: usize,
    /// The word that belongs to it.
    pub b: usize,
    /// The word for which the answer is sought.
    pub c: usize,
}

/// Returns the `n` best answers to "a is to b as c is to ?" among the word vectors. The three words
/// themselves are left out; ties go to the lower id.
///
/// # Errors
/// If the file has no word vectors.
///
/// # Panics
/// If an id has no row.
pub fn analogy(
    vectors: &Vectors,
    Analogy { a, b, c }: Analogy,
    method: AnalogyMethod,
    n: usize,
    threads: usize,
) -> Result<Answers, QueryError> {
    combine(vectors, Which::Word, &[b, c], &[a], method, n, threads)
}

/// Returns the `n` rows nearest to some words and farthest from others, by either method.
///
/// # Errors
/// If the model has no such vectors.
///
/// # Panics
/// If an id has no row.
pub fn combine(
    vectors: &Vectors,
    which: Which,
    positive: &[usize],
    negative: &[usize],
    method: AnalogyMethod,
    n: usize,
    threads: usize,
) -> Result<Answers, QueryError> {
    if method == AnalogyMethod::Add || positive.len() + negative.len() == 0 {
        return nearest(vectors, which, positive, negative, n, threads);
    }
    let rows = Rows::new(vectors, which)?;
    let asked: Vec<usize> = positive.iter().chain(negative).copied().collect();
    let queries: Vec<f32> = asked.iter().flat_map(|&id| rows.unit(id, best())).collect();
    let judge = Judge::Product { positive: positive.len(), negative: negative.len() };
    let search = Search { rows: &rows, among: rows.len(), judge, n, threads };
    Ok(search.answers(&queries, &[asked]).remove(0))
}
