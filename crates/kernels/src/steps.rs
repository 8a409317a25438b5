//! Steps by any rule: the gradients of a group, one per vector, and the steps that a rule computes from
//! them.
//!
//! Terms: a *direction* is the downhill gradient of a vector, from the values before the group; an `UpdateRule` turns
//! it into a step, with its own state in a `StepSide`; penalties act on the direction (`l2`, `clip`) or on the vector
//! after the step (`max_norm`). Columns of pairs are stepped first, in order, then negatives, then rows; one that
//! occurs again is stepped again. The fused kernels (`sgns`, `glove`) are faster if they suffice; here a direction is
//! written out before it is used. Not covered: biases.
//!
//! ```text
//! d_r = Σ_b∈r p_b·c_b + Σ_k q_rk·n_k      d_b = p_b·w_r      d_k = Σ_r q_rk·w_r
//! l2    d −= λ·visits·w     clip    d ·= min(1, clip/‖d‖)     max_norm    w ·= min(1, max_norm/‖w‖)
//! sgd      w += η·d
//! adagrad  G += (ι·d)², w += η·ι·d/√G           by row: G += ι²·‖d‖²/dim
//! adam     t += 1, m += (1−β₁)(d − m), v += (1−β₂)(d² − v), w += η·m̂/(√v̂ + ε), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)
//! ```
//!
//! AdaGrad: Duchi, Hazan & Singer 2011; ι = 1, or the rate with η = 1, as in GloVe's program. Adam: Kingma & Ba 2015;
//! lazy, since t counts the steps of the vector itself, so the correction is right for a vector that is rarely stepped.

use crate::dot::tile;
use crate::lanes::{Block, LANES, Lanes, One};
use crate::math;
use crate::open::GroupLoss;
use crate::sgns::{self, Group, GroupScratch};
use crate::side::{Loss, Side};

/// How a direction becomes a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UpdateRule {
    /// No step: only losses and gradients are computed.
    Look,
    /// Along the direction.
    Sgd,
    /// By a sum of squares of each coordinate; directions are multiplied by `inside` before.
    Adagrad {
        /// ι.
        inside: f32,
    },
    /// By a sum of squares of each vector.
    RowAdagrad {
        /// ι.
        inside: f32,
    },
    /// By moving means of the direction and its squares.
    Adam {
        /// β₁.
        beta1: f32,
        /// β₂.
        beta2: f32,
        /// ε.
        epsilon: f32,
    },
}

/// A step of every vector of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPlan {
    /// The rule.
    pub rule: UpdateRule,
    /// η; it is multiplied by the group's rates of columns and negatives.
    pub rate: f32,
    /// Coordinates of a vector, without padding.
    pub dim: usize,
    /// λ; 0 is off.
    pub l2: f32,
    /// Maximum norm of a gradient; infinity is off.
    pub clip: f32,
    /// Maximum norm of a vector; infinity is off.
    pub max_norm: f32,
}

/// A matrix with the state of its rule. `squares` has the shape of `vectors` or one entry per row, as the rule
/// requires; `moments` has the shape of `vectors` and `steps` one entry per row for Adam; what a rule does not need is
/// empty.
#[derive(Debug)]
pub struct StepSide<'a> {
    /// All rows, row-major, padding zero.
    pub vectors: &'a mut [f32],
    /// G or v; padding is zero for Adam, positive for AdaGrad.
    pub squares: &'a mut [f32],
    /// m.
    pub moments: &'a mut [f32],
    /// t, which stops at 2²⁴.
    pub steps: &'a mut [f32],
    /// Floats from one row to the next.
    pub stride: usize,
}

/// Loss of a group, and the squared norms of its gradients, penalties included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepLoss {
    /// What the loss returned.
    pub loss: Loss,
    /// Σ ‖d‖², before it is clipped.
    pub square: f64,
}

/// Working memory of [`Kernels::step_group`](crate::Kernels::step_group), for any stride; its contents are meaningless
/// between calls.
#[derive(Clone, Debug, Default)]
pub struct StepScratch {
    group: GroupScratch,
    /// Directions of rows, of negatives, and of one column.
    directions: Vec<Block>,
}

impl StepSide<'_> {
    /// The vectors alone.
    pub fn side(&mut self) -> Side<'_> {
        Side { vectors: self.vectors, stride: self.stride }
    }

    /// Panics if lengths are not those that a rule requires.
    pub(crate) fn check(&self, rule: UpdateRule) {
        let rows = crate::side::rows(self.vectors.len(), self.stride);
        let all = self.vectors.len();
        let wanted = match rule {
            UpdateRule::Look => [self.squares.len(), self.moments.len(), self.steps.len()],
            UpdateRule::Sgd => [0, 0, 0],
            UpdateRule::Adagrad { .. } => [all, 0, 0],
            UpdateRule::RowAdagrad { .. } => [rows, 0, 0],
            UpdateRule::Adam { .. } => [all, all, rows],
        };
        let found = [self.squares.len(), self.moments.len(), self.steps.len()];
        assert_eq!(found, wanted, "the state of a side is that of another rule");
    }
}

/// One group. R x C is the tile of scores, R x J the tile of sums; they change speed, never bits.
#[inline(always)]
pub(crate) fn group<S: Lanes, const R: usize, const C: usize, const J: usize>(
    s: S,
    rows: &mut StepSide,
    cols: &mut StepSide,
    group: &Group,
    plan: &StepPlan,
    scratch: &mut StepScratch,
    between: &mut GroupLoss<'_>,
) -> StepLoss {
    let blocks = rows.stride / LANES;
    let (row_count, negatives) = (group.row.len(), group.negatives.len());
    let zero = [0.0; LANES];
    scratch.directions.resize((row_count + negatives + 1) * blocks, zero);
    let buffers = &mut *scratch.group.buffers;
    let loss = {
        let (rows, cols) = (&rows.side(), &cols.side());
        sgns::score_pairs(s, rows, cols, group, buffers);
        sgns::score_negatives::<S, R, C>(s, rows, cols, group, buffers);
        let positive = &mut buffers.positive[..group.col.len()];
        let loss = between(positive, &mut buffers.negative[..row_count]);
        let mut at = 0;
        while at < blocks {
            let width = (blocks - at).min(J);
            let all = &mut scratch.directions;
            match width {
                1 => directions::<S, R, 1>(s, rows, cols, group, (at, blocks), buffers, all),
                2 => directions::<S, R, 2>(s, rows, cols, group, (at, blocks), buffers, all),
                3 => directions::<S, R, 3>(s, rows, cols, group, (at, blocks), buffers, all),
                _ => directions::<S, R, 4>(s, rows, cols, group, (at, blocks), buffers, all),
            }
            at += width;
        }
        loss
    };
    let (of_rows, rest) = scratch.directions.split_at_mut(row_count * blocks);
    let (of_negatives, one) = rest.split_at_mut(negatives * blocks);
    let mut square = 0.0;
    let mut b = 0;
    for (&id, &end) in group.row.iter().zip(group.end) {
        while b < end as usize {
            let p = s.splat(buffers.positive[b]);
            let row = &rows.vectors[id as usize * rows.stride..][..rows.stride];
            for (one, w) in one.iter_mut().zip(row.as_chunks::<LANES>().0) {
                s.store(s.mul(p, s.load(w)), one);
            }
            let share = (group.col_rate[b], group.weight[b]);
            square += step(s, cols, group.col[b], one, share, plan);
            b += 1;
        }
    }
    for (k, direction) in of_negatives.chunks_exact_mut(blocks).enumerate() {
        let share = (group.negative_rate[k], 0.0);
        square += step(s, cols, group.negatives[k], direction, share, plan);
    }
    let mut first = 0;
    for (r, direction) in of_rows.chunks_exact_mut(blocks).enumerate() {
        let visits = group.weight[first..group.end[r] as usize].iter().sum();
        first = group.end[r] as usize;
        square += step(s, rows, group.row[r], direction, (1.0, visits), plan);
    }
    StepLoss { loss, square }
}

/// The directions of rows and negatives for J blocks of the dimension.
#[inline(always)]
fn directions<S: Lanes, const R: usize, const J: usize>(
    s: S,
    rows: &Side,
    cols: &Side,
    group: &Group,
    (at, blocks): (usize, usize),
    buffers: &mut sgns::Buffers,
    all: &mut [Block],
) {
    let (of_rows, of_negatives) = all.split_at_mut(group.row.len() * blocks);
    for k in (0..group.negatives.len()).step_by(R) {
        sgns::negative_steps::<S, R, J>(s, rows, group, at, k, buffers);
    }
    for (k, steps) in buffers.negative_step[..group.negatives.len()].iter().enumerate() {
        of_negatives[k * blocks + at..][..J].copy_from_slice(&steps[..J]);
    }
    for r in (0..group.row.len()).step_by(R) {
        sgns::row_steps::<S, R, J>(s, cols, group, at, r, buffers);
    }
    let mut b = 0;
    for (r, &end) in group.end.iter().enumerate() {
        let mut sum: [S::F; J] = core::array::from_fn(|j| s.load(&buffers.row_step[r][j]));
        while b < end as usize {
            let (p, column) = (s.splat(buffers.positive[b]), cols.part::<J>(group.col[b], at));
            for j in 0..J {
                sum[j] = s.fma(p, s.load(&column[j]), sum[j]);
            }
            b += 1;
        }
        for j in 0..J {
            s.store(sum[j], &mut of_rows[r * blocks + at + j]);
        }
    }
}

/// Σ of squares.
#[inline(always)]
fn square_of<S: Lanes>(s: S, blocks: &[Block]) -> f32 {
    let floats = blocks.as_flattened();
    s.sum(tile(s, [floats], [floats])[0][0])
}

/// Steps one vector; `share` is the factor of the rate and the penalty. Returns ‖d‖².
#[inline(always)]
fn step<S: Lanes>(
    s: S,
    side: &mut StepSide,
    id: u32,
    direction: &mut [Block],
    (rate, visits): (f32, f32),
    plan: &StepPlan,
) -> f64 {
    let (row, stride) = (id as usize, side.stride);
    let range = row * stride..(row + 1) * stride;
    let vector = side.vectors[range.clone()].as_chunks_mut::<LANES>().0;
    if plan.l2 > 0.0 && visits > 0.0 {
        let pull = s.splat(plan.l2 * visits);
        for (d, w) in direction.iter_mut().zip(&*vector) {
            s.store(s.fnma(pull, s.load(w), s.load(d)), d);
        }
    }
    let square = square_of(s, direction);
    let mut clipped = square;
    if square > plan.clip * plan.clip {
        let scale = s.splat(plan.clip * math::rsqrt(square));
        direction.iter_mut().for_each(|d| s.store(s.mul(scale, s.load(d)), d));
        clipped = plan.clip * plan.clip;
    }
    let rate = plan.rate * rate;
    match plan.rule {
        UpdateRule::Look => return f64::from(square),
        UpdateRule::Sgd => along(s, vector, direction, rate),
        UpdateRule::RowAdagrad { inside } => {
            let sum = &mut side.squares[row];
            *sum += inside * inside * clipped / plan.dim as f32;
            along(s, vector, direction, rate * inside * math::rsqrt_normal(One, *sum));
        }
        UpdateRule::Adagrad { inside } => {
            let squares = side.squares[range].as_chunks_mut::<LANES>().0;
            let (inside, rate) = (s.splat(inside), s.splat(rate));
            for ((w, d), sum) in vector.iter_mut().zip(&*direction).zip(squares) {
                let d = s.mul(inside, s.load(d));
                let new = s.fma(d, d, s.load(sum));
                s.store(new, sum);
                let step = s.mul(d, math::rsqrt_normal(s, new));
                s.store(s.fma(rate, step, s.load(w)), w);
            }
        }
        UpdateRule::Adam { beta1, beta2, epsilon } => {
            let steps = &mut side.steps[row];
            *steps += 1.0;
            let rest = [beta1, beta2].map(|beta| 1.0 / adam_rest(*steps, beta));
            let means = side.moments[range.clone()].as_chunks_mut::<LANES>().0;
            let squares = side.squares[range].as_chunks_mut::<LANES>().0;
            let step = AdamStep { betas: [beta1, beta2], rest, epsilon, rate };
            adam(s, vector, direction, means, squares, step);
        }
    }
    if plan.max_norm < f32::INFINITY {
        let square = square_of(s, vector);
        if square > plan.max_norm * plan.max_norm {
            let scale = s.splat(plan.max_norm * math::rsqrt(square));
            vector.iter_mut().for_each(|w| s.store(s.mul(scale, s.load(w)), w));
        }
    }
    f64::from(square)
}

/// The numbers of a step of Adam.
#[derive(Clone, Copy)]
struct AdamStep {
    /// β₁ and β₂.
    betas: [f32; 2],
    /// 1/(1 − βᵗ) of both.
    rest: [f32; 2],
    epsilon: f32,
    rate: f32,
}

/// A step of Adam.
#[inline(always)]
fn adam<S: Lanes>(
    s: S,
    vector: &mut [Block],
    direction: &[Block],
    means: &mut [Block],
    squares: &mut [Block],
    AdamStep { betas: [beta1, beta2], rest, epsilon, rate }: AdamStep,
) {
    let state = means.iter_mut().zip(squares);
    for ((w, d), (mean, square)) in vector.iter_mut().zip(direction).zip(state) {
        let (d, m, v) = (s.load(d), s.load(mean), s.load(square));
        let m = s.fma(s.splat(1.0 - beta1), s.sub(d, m), m);
        let v = s.fma(s.splat(1.0 - beta2), s.sub(s.mul(d, d), v), v);
        s.store(m, mean);
        s.store(v, square);
        let root = math::sqrt_of(s, s.mul(v, s.splat(rest[1])));
        let step = s.div(s.mul(m, s.splat(rest[0])), s.add(root, s.splat(epsilon)));
        s.store(s.fma(s.splat(rate), step, s.load(w)), w);
    }
}

#[inline(always)]
fn along<S: Lanes>(s: S, vector: &mut [Block], direction: &[Block], rate: f32) {
    let rate = s.splat(rate);
    for (w, d) in vector.iter_mut().zip(direction) {
        s.store(s.fma(rate, s.load(d), s.load(w)), w);
    }
}

/// 1 − βᵗ, the divisor of Adam's means of t steps, without cancellation: with z = t·ln β, −z(1 + z/2 + z²/6 + z³/24)
/// for small z.
pub fn adam_rest(steps: f32, beta: f32) -> f32 {
    if beta == 0.0 {
        return 1.0;
    }
    // ln β = ln(1 − (1 − β)), of which 1 − β is exact.
    let gap = 1.0 - beta;
    let log = match gap < 0.01 {
        true => -gap * (1.0 + gap * (0.5 + gap * (1.0 / 3.0))),
        false => math::ln(beta),
    };
    let z = steps * log;
    match z > -0.1 {
        true => -z * (1.0 + z * (0.5 + z * (1.0 / 6.0 + z * (1.0 / 24.0)))),
        false => 1.0 - math::exp(z),
    }
}
