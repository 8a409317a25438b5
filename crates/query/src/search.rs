//! The exact search that all questions share: every row against every query, block by block.
//!
//! A *search* has a judge, which computes one score from the cosines of a question's queries. A *question* is one
//! query for [`Judge::Cosine`], one for each of its words for [`Judge::Product`]. Rows are read from the map once:
//! a block that fits a second-level cache is multiplied with all queries while it is there, one query by dot
//! products, several as a matrix product. Every thread keeps the best rows of its blocks; ties go to the lower id,
//! so no result depends on which thread took which block.

use wordmill_kernels::best;

use crate::rows::Rows;
use crate::threads::over_blocks;
use crate::top::Top;

/// Numbers of the queries that are multiplied at a time: they stay in a first-level cache beside four rows.
const BATCH_FLOATS: usize = 4 << 10;
/// Keeps the divisor of 3CosMul above zero; the value is from the paper.
const EPSILON: f32 = 1e-3;

/// How one score is computed from cosines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judge {
    /// The cosine with the only query of the question.
    Cosine,
    /// The product of (1 + cos) / 2 over the first `positive` queries, divided by that of the others + ε
    /// (3CosMul, Levy & Goldberg 2014, CoNLL).
    Product {
        /// Number of words that the answer is near to.
        positive: usize,
        /// Number of words that it is far from.
        negative: usize,
    },
}

/// The parameters of a search.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    /// The rows.
    pub rows: &'a Rows<'a>,
    /// Only this many of the first rows are searched.
    pub among: usize,
    /// The judge.
    pub judge: Judge,
    /// Number of answers per question.
    pub n: usize,
    /// Number of threads.
    pub threads: usize,
}

/// Row ids and scores, best first.
pub(crate) type Answers = Vec<(usize, f32)>;

/// The state of a thread during a search.
struct State {
    tops: Vec<Top>,
    sums: Vec<f32>,
    scores: Vec<f32>,
    inverse: Vec<f32>,
}

impl Search<'_> {
    /// Finds the best rows for each question. `queries` are unit vectors, those of a question together; `left_out`
    /// lists, for each question, the rows that cannot be answers.
    pub(crate) fn answers(&self, queries: &[f32], left_out: &[Vec<usize>]) -> Vec<Answers> {
        let (dim, questions) = (self.rows.dim(), left_out.len());
        assert_eq!(
            queries.len(),
            questions * self.judge.queries() * dim,
            "queries of all questions"
        );
        let (kernels, block_rows) = (best(), self.rows.block_rows());
        let start = || State {
            tops: vec![Top::new(self.n.min(self.among)); questions],
            sums: Vec::new(),
            scores: Vec::new(),
            inverse: Vec::new(),
        };
        let work = |state: &mut State, block: usize| {
            let first = block * block_rows;
            let span = first..(first + block_rows).min(self.among);
            let State { tops, sums, scores, inverse } = state;
            let block = self.rows.block(span.clone(), sums);
            self.rows.inverse_norms(span.clone(), block, kernels, inverse);
            let some = (BATCH_FLOATS / dim / self.judge.queries()).max(1);
            let batches = queries.chunks(some * self.judge.queries() * dim);
            for ((queries, left_out), tops) in
                batches.zip(left_out.chunks(some)).zip(tops.chunks_mut(some))
            {
                scores.resize(span.len() * (queries.len() / dim), 0.0);
                kernels.scores_many(queries, block, dim, scores);
                let each = scores.chunks_exact_mut(span.len() * self.judge.queries());
                for ((scores, left_out), top) in each.zip(left_out).zip(tops) {
                    self.judge.offer(scores, inverse, first, left_out, top);
                }
            }
        };
        let states = over_blocks(self.threads, self.among.div_ceil(block_rows), start, work);
        let mut of_threads: Vec<_> =
            states.into_iter().map(|state| state.tops.into_iter()).collect();
        let each = |_| Top::merge(of_threads.iter_mut().filter_map(Iterator::next).collect());
        (0..questions).map(each).collect()
    }
}

impl Judge {
    /// Number of queries per question.
    fn queries(self) -> usize {
        match self {
            Self::Cosine => 1,
            Self::Product { positive, negative } => positive + negative,
        }
    }

    /// Offers the rows from `first` on; `scores` are products, query by query, and become cosines.
    fn offer(
        self,
        scores: &mut [f32],
        inverse: &[f32],
        first: usize,
        left_out: &[usize],
        top: &mut Top,
    ) {
        let rows = inverse.len();
        for scores in scores.chunks_exact_mut(rows) {
            for (score, &inverse) in scores.iter_mut().zip(inverse) {
                *score = finite(*score * inverse);
            }
        }
        if let Self::Product { positive, .. } = self {
            multiply(scores, rows, positive);
        }
        for (block, scores) in scores[..rows].chunks(16).enumerate() {
            // Almost no row is better than the worst of the best so far, so sixteen are tested at
            // once.
            if !scores.iter().any(|&score| score >= top.floor()) {
                continue;
            }
            for (at, &score) in scores.iter().enumerate() {
                let id = first + block * 16 + at;
                if score >= top.floor() && !left_out.contains(&id) {
                    top.offer(id, score);
                }
            }
        }
    }
}

/// Replaces the cosines of the first query by the products of (1 + cos) / 2 over the first `positive` queries, divided
/// by those over the others + ε.
fn multiply(scores: &mut [f32], rows: usize, positive: usize) {
    scores.iter_mut().for_each(|score| *score = (1.0 + *score) / 2.0);
    let (for_it, against) = scores.split_at_mut(positive * rows);
    for part in [&mut *for_it, &mut *against] {
        let (product, others) = part.split_at_mut(rows.min(part.len()));
        for other in others.chunks_exact(rows) {
            product.iter_mut().zip(other).for_each(|(product, other)| *product *= other);
        }
    }
    match (for_it.is_empty(), against.is_empty()) {
        (true, _) => against[..rows].iter_mut().for_each(|it| *it = 1.0 / (*it + EPSILON)),
        (_, true) => for_it[..rows].iter_mut().for_each(|it| *it /= 1.0 + EPSILON),
        _ => {
            let both = for_it[..rows].iter_mut().zip(&against[..rows]);
            both.for_each(|(product, against)| *product /= against + EPSILON);
        }
    }
}

/// Rows of zeros, and damaged ones, have cosine 0 with everything.
fn finite(cosine: f32) -> f32 {
    if cosine.is_finite() { cosine } else { 0.0 }
}
