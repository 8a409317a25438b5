//! A is to B as C is to ?: 3CosAdd and 3CosMul (Levy & Goldberg 2014, CoNLL).

use std::collections::BTreeSet;

use wordmill_formats::Vectors;
use wordmill_kernels::best;

use crate::error::QueryError;
use crate::nearest::{nearest, scan};
use crate::rows::{Rows, Which};

/// Keeps the divisor of 3CosMul above zero; the value of the paper.
const EPSILON: f32 = 1e-3;

/// How the three cosines are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnalogyMethod {
    /// 3CosAdd: the cosine with b − a + c.
    Add,
    /// 3CosMul: cos′(b) · cos′(c) / (cos′(a) + ε), where cos′ = (1 + cos) / 2.
    Mul,
}

/// The `n` best answers to "a is to b as c is to ?" among the word vectors. The three words
/// themselves are left out; ties go to the lower id.
///
/// # Errors
/// Where the file has no word vectors.
///
/// # Panics
/// Where an id has no row.
pub fn analogy(
    vectors: &Vectors,
    (a, b, c): (usize, usize, usize),
    method: AnalogyMethod,
    n: usize,
    threads: usize,
) -> Result<Vec<(usize, f32)>, QueryError> {
    if method == AnalogyMethod::Add {
        return nearest(vectors, Which::Word, &[b, c], &[a], n, threads);
    }
    let rows = Rows::new(vectors, Which::Word)?;
    let unit = |id| rows.unit(id, best());
    let queries = [unit(a), unit(b), unit(c)].concat();
    let asked = BTreeSet::from([a, b, c]);
    let judge = |cosines: &[f32]| {
        let shifted = |at: usize| (1.0 + cosines[at]) / 2.0;
        shifted(1) * shifted(2) / (shifted(0) + EPSILON)
    };
    Ok(scan(&rows, &queries, &asked, n, threads, judge))
}
