//! Statistics of the numbers of a matrix: the first thing to check when vectors are bad.

use serde::Serialize;

/// The spread of a matrix, with sums in f64. Numbers that are not finite are counted and otherwise
/// ignored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean of all numbers.
    pub mean: f64,
    /// Standard deviation of all numbers.
    pub deviation: f64,
    /// The smallest number.
    pub least: f32,
    /// The greatest number.
    pub most: f32,
    /// The smallest norm of a row.
    pub norm_least: f64,
    /// Mean norm of a row.
    pub norm_mean: f64,
    /// The largest norm of a row.
    pub norm_most: f64,
    /// Number of rows of zeros.
    pub zero_rows: u64,
    /// Numbers that are not finite.
    pub not_finite: u64,
}

impl Spread {
    /// Measures rows of `dim` numbers; `None` if there is no finite number.
    pub fn of(matrix: &[f32], dim: usize) -> Option<Self> {
        let (mut sum, mut squares, mut count) = (0.0, 0.0, 0u64);
        let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
        let (mut norm_least, mut norm_most, mut norms) = (f64::INFINITY, 0.0f64, 0.0);
        let (mut zero_rows, mut rows) = (0, 0u64);
        for row in matrix.chunks_exact(dim.max(1)) {
            let mut square = 0.0;
            for &value in row.iter().filter(|value| value.is_finite()) {
                sum += f64::from(value);
                square += f64::from(value) * f64::from(value);
                (least, most) = (least.min(value), most.max(value));
                count += 1;
            }
            squares += square;
            let norm = square.sqrt();
            norms += norm;
            rows += 1;
            (norm_least, norm_most) = (norm_least.min(norm), norm_most.max(norm));
            zero_rows += u64::from(norm == 0.0);
        }
        let mean = sum / count as f64;
        let variance = squares / count as f64 - mean * mean;
        (count > 0).then(|| Self {
            mean,
            deviation: variance.max(0.0).sqrt(),
            least,
            most,
            norm_least,
            norm_mean: norms / rows as f64,
            norm_most,
            zero_rows,
            not_finite: matrix.len() as u64 - count,
        })
    }
}
