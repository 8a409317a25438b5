//! A map of words in two dimensions: principal components, and t-SNE that starts from them.
//!
//! Rows are scaled to length 1, since only directions carry meaning. PCA (Pearson 1901) takes the two directions in
//! which the words vary most, found by power iteration. t-SNE (van der Maaten & Hinton 2008) moves the words so that
//! neighbours stay near each other. It starts from the principal components, so the same vectors give the same map. It
//! computes all pairs without approximation; for a few hundred words that takes less than a second.

use wordmill_formats::Vectors;
use wordmill_kernels::best;

use crate::error::QueryError;
use crate::rows::{Rows, Which};

/// The perplexity: how many neighbours a word has in effect.
const PERPLEXITY: f64 = 20.0;
const STEPS: usize = 300;
/// In the first steps the attraction of neighbours is multiplied by this.
const EXAGGERATION: f64 = 8.0;
const EXAGGERATED_STEPS: usize = 80;
const POWER_STEPS: usize = 200;

/// A point in the plane.
pub type Point = [f64; 2];

/// How the points are computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Principal components; the first one varies most.
    pub pca: Vec<Point>,
    /// t-SNE.
    pub tsne: Vec<Point>,
}

/// Maps the first `words` words by their word vectors.
///
/// # Errors
/// If the file has no word vectors.
pub fn map(vectors: &Vectors, words: usize) -> Result<Map, QueryError> {
    let rows = Rows::new(vectors, Which::Word)?;
    let words = words.min(rows.len());
    let units: Vec<Vec<f64>> =
        (0..words).map(|id| rows.unit(id, best()).into_iter().map(f64::from).collect()).collect();
    let pca = components(&units);
    let tsne = spread(&units, &pca);
    Ok(Map { pca, tsne })
}

/// The first two principal components of rows.
fn components(rows: &[Vec<f64>]) -> Vec<Point> {
    let dim = rows.first().map_or(0, Vec::len);
    let mut mean = vec![0.0; dim];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / rows.len() as f64);
    }
    let centred: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().zip(&mean).map(|(x, mean)| x - mean).collect()).collect();
    let mut axes: Vec<Vec<f64>> = Vec::new();
    for axis in 0..2 {
        // A fixed start that lies along no axis.
        let mut at: Vec<f64> = (0..dim).map(|k| 1.0 + ((k * 7 + axis * 3) % 11) as f64).collect();
        for _ in 0..POWER_STEPS {
            let mut next = vec![0.0; dim];
            for row in &centred {
                let along = dot(row, &at);
                next.iter_mut().zip(row).for_each(|(next, x)| *next += along * x);
            }
            for known in &axes {
                let along = dot(&next, known);
                next.iter_mut().zip(known).for_each(|(next, x)| *next -= along * x);
            }
            let length = dot(&next, &next).sqrt();
            if length == 0.0 {
                break;
            }
            at = next.into_iter().map(|x| x / length).collect();
        }
        axes.push(at);
    }
    centred.iter().map(|row| [dot(row, &axes[0]), dot(row, &axes[1])]).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// t-SNE of unit rows, from a start.
fn spread(units: &[Vec<f64>], start: &[Point]) -> Vec<Point> {
    let n = units.len();
    let widest = start.iter().map(|p| p[0].abs()).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let mut places: Vec<Point> = start.iter().map(|p| [p[0] / widest, p[1] / widest]).collect();
    if n < 4 {
        return places;
    }
    let near = affinities(units);
    let mut speed = vec![[0.0; 2]; n];
    let rate = (n as f64 / EXAGGERATION).max(20.0);
    let mut weights = vec![0.0; n * n];
    for step in 0..STEPS {
        let early = step < EXAGGERATED_STEPS;
        let (pull, momentum) = if early { (EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        let mut total = 0.0;
        for i in 0..n {
            for j in 0..i {
                let (x, y) = (places[i][0] - places[j][0], places[i][1] - places[j][1]);
                let weight = 1.0 / (1.0 + x * x + y * y);
                (weights[i * n + j], weights[j * n + i]) = (weight, weight);
                total += 2.0 * weight;
            }
        }
        let old = places.clone();
        for i in 0..n {
            let mut force = [0.0; 2];
            for j in (0..n).filter(|&j| j != i) {
                let weight = weights[i * n + j];
                let part = 4.0 * (pull * near[i * n + j] - weight / total) * weight;
                force[0] += part * (old[i][0] - old[j][0]);
                force[1] += part * (old[i][1] - old[j][1]);
            }
            for axis in 0..2 {
                speed[i][axis] = momentum * speed[i][axis] - rate * force[axis];
                places[i][axis] += speed[i][axis];
            }
        }
    }
    places
}

/// The affinity of each pair: for each row the shares of a Gaussian whose width gives the perplexity, made symmetric.
fn affinities(units: &[Vec<f64>]) -> Vec<f64> {
    let n = units.len();
    let wanted = PERPLEXITY.min((n - 1) as f64 / 3.0).max(1.5).ln();
    let mut shares = vec![0.0; n * n];
    for i in 0..n {
        let distances: Vec<f64> = (0..n).map(|j| 2.0 - 2.0 * dot(&units[i], &units[j])).collect();
        let (mut low, mut high, mut narrow) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..60 {
            let (mut sum, mut mean) = (0.0, 0.0);
            for j in (0..n).filter(|&j| j != i) {
                let share = (-narrow * distances[j]).exp();
                shares[i * n + j] = share;
                sum += share;
                mean += share * distances[j];
            }
            let entropy = sum.ln() + narrow * mean / sum;
            if (entropy - wanted).abs() < 1e-5 {
                break;
            }
            // A narrower Gaussian has less entropy.
            if entropy > wanted {
                low = narrow
            } else {
                high = narrow
            }
            narrow = if high.is_finite() { (low + high) / 2.0 } else { narrow * 2.0 };
        }
        let sum: f64 = shares[i * n..(i + 1) * n].iter().sum();
        shares[i * n..(i + 1) * n]
            .iter_mut()
            .for_each(|share| *share /= sum.max(f64::MIN_POSITIVE));
    }
    let both = |i: usize, j: usize| (shares[i * n + j] + shares[j * n + i]) / (2 * n) as f64;
    (0..n * n).map(|at| both(at / n, at % n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three bundles of directions in six dimensions.
    fn bundles() -> Vec<Vec<f64>> {
        let row = |at: usize| {
            let mut row: Vec<f64> =
                (0..6).map(|k| 0.2 * ((at * 31 + k * 17) % 13) as f64 / 13.0).collect();
            row[at % 3] += 1.0;
            let length = dot(&row, &row).sqrt();
            row.into_iter().map(|x| x / length).collect()
        };
        (0..90).map(row).collect()
    }

    #[test]
    fn bundles_stay_together() {
        let rows = bundles();
        let pca = components(&rows);
        for places in [spread(&rows, &pca), pca] {
            for at in 0..rows.len() {
                let distance = |other: &usize| {
                    let (x, y) =
                        (places[at][0] - places[*other][0], places[at][1] - places[*other][1]);
                    x * x + y * y
                };
                let others = (0..rows.len()).filter(|other| *other != at);
                let next = others.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
                assert_eq!(next % 3, at % 3, "word {at} is next to {next}");
            }
        }
    }

    #[test]
    fn components_are_the_directions_of_most_variance() {
        let rows: Vec<Vec<f64>> = (0..50)
            .map(|at| {
                let (x, y) = (f64::from(at) - 24.5, f64::from(at % 5) - 2.0);
                vec![0.6 * x, 0.8 * x, y, 0.01]
            })
            .collect();
        for (row, place) in rows.iter().zip(components(&rows)) {
            let x = row[0] / 0.6;
            assert!((place[0].abs() - x.abs()).abs() < 0.2, "{place:?}");
        }
        assert!(components(&[]).is_empty() && spread(&[], &[]).is_empty());
        assert_eq!(components(&[vec![1.0, 2.0]]), [[0.0, 0.0]]);
    }
}
