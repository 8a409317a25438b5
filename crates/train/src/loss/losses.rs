//! The built-in losses, each with its formula and its source.
//!
//! Losses of negative sampling and hierarchical softmax have a positive and a negative part, those of the matrix one
//! part. The defaults of the trainers ([`Logistic`], [`WeightedSquares`]) are also fused into kernels, which give the
//! same vectors except for rounding. σ is the logistic function, s the score, `f(x) = min(1, (x / x_max)^α)`.

use wordmill_kernels::{Kernels, LANES, real};

use crate::loss::{CellLoss, Cells, Outcome, Reads, Term};

/// Negative sampling: `−ln σ(s)` of a positive, `−ln σ(−s)` of a negative (Mikolov et al. 2013). With the weights that
/// go left and right it is hierarchical softmax (Morin & Bengio 2005).
pub struct Logistic {
    /// The kernels to use.
    pub kernels: &'static Kernels,
}

/// Hinge: `max(0, m − s)` and `max(0, m + s)`. Pairs should be on the right side by a margin; beyond it they are
/// ignored (Cortes & Vapnik 1995; as a loss of word pairs Collobert & Weston 2008).
pub struct Hinge {
    /// m.
    pub margin: f32,
}

/// Focal loss: `−(1 − p)^γ ln p` with p = σ(s) of a positive, σ(−s) of a negative; well-classified pairs count less
/// (Lin et al. 2017). γ = 0 is negative sampling.
pub struct Focal {
    /// γ, not negative.
    pub gamma: f32,
    /// The kernels to use.
    pub kernels: &'static Kernels,
}

/// The weight of a cell in the loss: `f(x) = min(1, (x / x_max)^α)`.
#[derive(Clone, Copy)]
pub struct CellWeight {
    /// x_max.
    pub x_max: f32,
    /// α.
    pub alpha: f32,
    /// The kernels to use.
    pub kernels: &'static Kernels,
}

/// GloVe: `½ f(x) (s − ln x)²` (Pennington, Socher & Manning 2014).
pub struct WeightedSquares(pub CellWeight);

/// GloVe with Huber's error: `f(x) h(s − ln x)` with `h(e) = ½e²` up to δ and `δ(|e| − ½δ)` beyond (Huber 1964).
/// Outliers pull less.
pub struct WeightedHuber {
    /// f.
    pub weight: CellWeight,
    /// δ, positive.
    pub delta: f32,
}

/// Regression on shifted positive pointwise mutual information: `½ f(x) (s − max(0, ln(x·n² / (X·n_i·n_j)) − ln k))²`, the matrix that
/// negative sampling factorises implicitly (Levy & Goldberg 2014), cell by cell as in Swivel (Shazeer et al. 2016).
pub struct ShiftedPpmi {
    /// f.
    pub weight: CellWeight,
    /// n² / (X·k): n is the number of words of the text whose pairs were counted, X the weight of all pairs,
    /// k the shift.
    pub scale: f64,
}

impl CellLoss for Logistic {
    fn reads(&self) -> Reads {
        Reads::default()
    }

    fn eval(&self, term: Term, cells: Cells<'_>, out: Outcome<'_>) {
        let sign = sign(term);
        // The function of the score of the wrong answer.
        out.slope.iter_mut().zip(cells.score).for_each(|(it, score)| *it = sign * score);
        self.kernels.logistic(out.slope, out.loss);
        out.slope.iter_mut().for_each(|slope| *slope *= sign);
    }

    fn formula(&self) -> String {
        "-log(sigmoid(s)), -log(sigmoid(-s))".into()
    }
}

/// −1 where a score should be large, 1 where it should be small.
fn sign(term: Term) -> f32 {
    if term == Term::Negative { 1.0 } else { -1.0 }
}

impl CellLoss for Hinge {
    fn reads(&self) -> Reads {
        Reads::default()
    }

    fn eval(&self, term: Term, cells: Cells<'_>, out: Outcome<'_>) {
        let sign = sign(term);
        for ((&score, loss), slope) in cells.score.iter().zip(out.loss).zip(out.slope) {
            let short = self.margin + sign * score;
            *loss = if short > 0.0 { short } else { 0.0 * short };
            *slope = if short > 0.0 { sign } else { 0.0 };
        }
    }

    fn formula(&self) -> String {
        format!("max(0, {m} - s), max(0, {m} + s)", m = self.margin)
    }
}

impl CellLoss for Focal {
    fn reads(&self) -> Reads {
        Reads::default()
    }

    /// With t = ±s, q = σ(−t) and p = 1 − q: `L = q^γ softplus(−t)`, `dL/dt = −q^γ (γ p softplus(−t) + q)`, and
    /// `q^γ = exp(−γ softplus(t))`, softplus(t) = softplus(−t) + t.
    fn eval(&self, term: Term, cells: Cells<'_>, out: Outcome<'_>) {
        let (sign, gamma) = (sign(term), self.gamma);
        let mut power = [0.0; LANES];
        let outs = out.loss.chunks_mut(LANES).zip(out.slope.chunks_mut(LANES));
        for (score, (loss, slope)) in cells.score.chunks(LANES).zip(outs) {
            slope.iter_mut().zip(score).for_each(|(it, score)| *it = sign * score);
            self.kernels.logistic(slope, loss);
            let power = &mut power[..score.len()];
            for ((power, score), softplus) in power.iter_mut().zip(score).zip(&*loss) {
                *power = -gamma * (softplus - sign * score);
            }
            self.kernels.exp(power);
            for ((loss, slope), power) in loss.iter_mut().zip(slope).zip(power) {
                let q = *slope;
                *slope = sign * *power * (gamma * (1.0 - q) * *loss + q);
                *loss *= *power;
            }
        }
    }

    fn formula(&self) -> String {
        format!("-(1 - p)^{g} log(p), p = sigmoid(s) or sigmoid(-s)", g = self.gamma)
    }
}

impl CellWeight {
    /// Calls `each` with the index, score, ln x and f(x) of every cell, which returns loss and slope.
    fn each(
        &self,
        cells: Cells<'_>,
        out: Outcome<'_>,
        mut each: impl FnMut(usize, [f32; 3]) -> (f32, f32),
    ) {
        let log_max = real::ln(f64::from(self.x_max)) as f32;
        for first in (0..cells.score.len()).step_by(LANES) {
            let count = (cells.score.len() - first).min(LANES);
            let (mut log_x, mut weight) = ([0.0; LANES], [0.0; LANES]);
            log_x[..count].copy_from_slice(&cells.x[first..][..count]);
            self.kernels.ln(&mut log_x[..count]);
            weight.iter_mut().zip(log_x).for_each(|(weight, log_x)| {
                *weight = self.alpha * (log_x - log_max).min(0.0);
            });
            self.kernels.exp(&mut weight);
            for k in 0..count {
                let at = first + k;
                let (loss, slope) = each(at, [cells.score[at], log_x[k], weight[k]]);
                (out.loss[at], out.slope[at]) = (loss, slope);
            }
        }
    }

    fn formula(&self) -> String {
        format!("min(1, (x/{})^{})", self.x_max, self.alpha)
    }
}

impl CellLoss for WeightedSquares {
    fn reads(&self) -> Reads {
        Reads { x: true, counts: false }
    }

    fn eval(&self, _: Term, cells: Cells<'_>, out: Outcome<'_>) {
        self.0.each(cells, out, |_, [score, log_x, weight]| {
            let error = score - log_x;
            let slope = weight * error;
            (0.5 * (slope * error), slope)
        });
    }

    fn formula(&self) -> String {
        format!("0.5*{}*(s - log(x))^2", self.0.formula())
    }
}

impl CellLoss for WeightedHuber {
    fn reads(&self) -> Reads {
        Reads { x: true, counts: false }
    }

    fn eval(&self, _: Term, cells: Cells<'_>, out: Outcome<'_>) {
        self.weight.each(cells, out, |_, [score, log_x, weight]| {
            let error = score - log_x;
            let bounded = error.clamp(-self.delta, self.delta);
            // ½b² + |b|·(|e| − |b|): the square up to δ, linear beyond.
            (weight * bounded * (error - 0.5 * bounded), weight * bounded)
        });
    }

    fn formula(&self) -> String {
        let delta = self.delta;
        format!("{}*h, h = 0.5*e^2 up to {delta}, e = s - log(x)", self.weight.formula())
    }
}

impl CellLoss for ShiftedPpmi {
    fn reads(&self) -> Reads {
        Reads { x: true, counts: true }
    }

    fn eval(&self, _: Term, cells: Cells<'_>, out: Outcome<'_>) {
        let mut logs = [0.0; 2 * LANES];
        let (log_scale, mut block) = (real::ln(self.scale) as f32, usize::MAX);
        self.weight.each(cells, out, |at, [score, log_x, weight]| {
            if at / LANES != block {
                block = at / LANES;
                let count = (cells.score.len() - block * LANES).min(LANES);
                let (rows, columns) = logs.split_at_mut(LANES);
                rows[..count].copy_from_slice(&cells.i_count[block * LANES..][..count]);
                columns[..count].copy_from_slice(&cells.j_count[block * LANES..][..count]);
                self.weight.kernels.ln(&mut logs);
            }
            let of_words = logs[at % LANES] + logs[LANES + at % LANES];
            let error = score - (log_x - of_words + log_scale).max(0.0);
            let slope = weight * error;
            (0.5 * (slope * error), slope)
        });
    }

    fn formula(&self) -> String {
        let (weight, scale) = (self.weight.formula(), self.scale);
        format!("0.5*{weight}*(s - max(0, log({scale}*x/(i_count*j_count))))^2")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::check_slope;

    fn weight() -> CellWeight {
        CellWeight { x_max: 10.0, alpha: 0.75, kernels: wordmill_kernels::best() }
    }

    /// Loss and slope of one cell.
    fn one(loss: &dyn CellLoss, term: Term, [s, x, i, j]: [f32; 4]) -> (f64, f64) {
        let (mut value, mut slope) = ([0.0], [0.0]);
        let cells = Cells { score: &[s], x: &[x], i_count: &[i], j_count: &[j] };
        loss.eval(term, cells, Outcome { loss: &mut value, slope: &mut slope });
        (value[0].into(), slope[0].into())
    }

    /// A part of a loss with its formula in f64.
    type Exact = (Box<dyn CellLoss>, Term, fn([f64; 4]) -> f64);

    fn all() -> Vec<Exact> {
        fn sigmoid(s: f64) -> f64 {
            1.0 / (1.0 + (-s).exp())
        }
        fn f(x: f64) -> f64 {
            (x / 10.0).powf(0.75).min(1.0)
        }
        let kernels = wordmill_kernels::best();
        let logistic = || Box::new(Logistic { kernels });
        let hinge = || Box::new(Hinge { margin: 1.5 });
        let focal = |gamma| Box::new(Focal { gamma, kernels });
        let ppmi = ShiftedPpmi { weight: weight(), scale: 2e5 };
        vec![
            (logistic(), Term::Positive, |[s, ..]| -sigmoid(s).ln()),
            (logistic(), Term::Negative, |[s, ..]| -sigmoid(-s).ln()),
            (hinge(), Term::Positive, |[s, ..]| (1.5 - s).max(0.0)),
            (hinge(), Term::Negative, |[s, ..]| (1.5 + s).max(0.0)),
            (focal(2.0), Term::Positive, |[s, ..]| -sigmoid(-s).powi(2) * sigmoid(s).ln()),
            (focal(2.0), Term::Negative, |[s, ..]| -sigmoid(s).powi(2) * sigmoid(-s).ln()),
            (focal(0.5), Term::Negative, |[s, ..]| -sigmoid(s).sqrt() * sigmoid(-s).ln()),
            (Box::new(WeightedSquares(weight())), Term::Cell, |[s, x, ..]| {
                0.5 * f(x) * (s - x.ln()).powi(2)
            }),
            (
                Box::new(WeightedHuber { weight: weight(), delta: 1.25 }),
                Term::Cell,
                |[s, x, ..]| {
                    let e = (s - x.ln()).abs();
                    f(x) * if e <= 1.25 { 0.5 * e * e } else { 1.25 * (e - 0.625) }
                },
            ),
            (Box::new(ppmi), Term::Cell, |[s, x, i, j]| {
                0.5 * f(x) * (s - (2e5 * x / (i * j)).ln().max(0.0)).powi(2)
            }),
        ]
    }

    #[test]
    fn every_loss_is_its_formula() {
        for (loss, term, exact) in all() {
            for s in [-9.0, -2.5, -1.25, -0.1, 0.0, 0.3, 1.5, 4.0, 12.0] {
                for (x, i, j) in [(0.4, 7.0, 900.0), (3.0, 300.0, 50.0), (2000.0, 1e5, 4e4)] {
                    let (found, _) = one(&*loss, term, [s, x, i, j]);
                    let exact = exact([s, x, i, j].map(f64::from));
                    let what = loss.formula();
                    assert!(
                        (found - exact).abs() <= 2e-6 * exact.abs().max(1.0),
                        "{what} {term:?} {s}: {found} {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_slope_is_that_of_finite_differences() {
        for (loss, term, _) in all() {
            check_slope(&*loss, term).unwrap_or_else(|error| panic!("{}: {error}", loss.formula()));
        }
    }

    /// A slope that is wrong by one per cent.
    struct Wrong(Box<dyn CellLoss>);

    impl CellLoss for Wrong {
        fn reads(&self) -> Reads {
            self.0.reads()
        }
        fn eval(&self, term: Term, cells: Cells<'_>, out: Outcome<'_>) {
            let Outcome { loss, slope } = out;
            self.0.eval(term, cells, Outcome { loss, slope });
            slope.iter_mut().for_each(|slope| *slope *= 1.01);
        }
        fn formula(&self) -> String {
            self.0.formula()
        }
    }

    #[test]
    fn a_slope_that_is_slightly_wrong_is_noticed() {
        for (loss, term, _) in all() {
            let wrong = Wrong(loss);
            let error = check_slope(&wrong, term).expect_err(&wrong.formula());
            assert!(error.to_string().contains("finite differences"), "{error}");
        }
    }

    #[test]
    fn a_loss_does_not_depend_on_how_cells_are_cut_into_batches() {
        let score: Vec<f32> = (0..50).map(|i| (i as f32 - 25.0) * 0.3).collect();
        let x: Vec<f32> = (0..50).map(|i| 0.3 + (i * i) as f32).collect();
        for (loss, term, _) in all() {
            let (mut losses, mut slopes) = ([0.0; 50], [0.0; 50]);
            let cells = Cells { score: &score, x: &x, i_count: &x, j_count: &x };
            loss.eval(term, cells, Outcome { loss: &mut losses, slope: &mut slopes });
            for i in 0..50 {
                let alone = one(&*loss, term, [score[i], x[i], x[i], x[i]]);
                assert_eq!(alone, (losses[i].into(), slopes[i].into()), "{} {i}", loss.formula());
            }
        }
    }
}
