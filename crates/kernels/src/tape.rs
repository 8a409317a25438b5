//! Arithmetic that is only known at run time: a straight line of operations on columns of cells.
//!
//! Terms: an `Op` reads the results of earlier ones; a `Tape` is a list of them with the places of its results; a
//! *slot* has the values of one op for the cells that are processed at a time. Each op processes all cells of a slot
//! before the next one begins, so dispatching it costs little. Not covered: text, names, derivatives, branches other
//! than a choice of two values.

use crate::lanes::{Block, LANES, Lanes};
use crate::math;

/// Blocks of a slot. A tape of twenty slots then has 10 KiB, which stay in the nearest cache.
const WIDTH: usize = 8;
/// Cells that are processed at a time.
const CELLS: usize = WIDTH * LANES;

/// One operation; operands are indices of earlier operations of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// A number.
    Number(f32),
    /// A column of the input.
    Input(u8),
    /// −a
    Neg(u16),
    /// |a|
    Abs(u16),
    /// [`math::exp`](crate::math::exp)
    Exp(u16),
    /// [`math::ln`](crate::math::ln)
    Ln(u16),
    /// [`math::sigmoid`](crate::math::sigmoid)
    Sigmoid(u16),
    /// [`math::softplus`](crate::math::softplus)
    Softplus(u16),
    /// √a
    Sqrt(u16),
    /// a + b
    Add(u16, u16),
    /// a − b
    Sub(u16, u16),
    /// a·b
    Mul(u16, u16),
    /// a / b
    Div(u16, u16),
    /// The smaller; a if either is NaN.
    Min(u16, u16),
    /// The larger; a if either is NaN.
    Max(u16, u16),
    /// The third if the first is below the second, else the fourth.
    Less(u16, u16, u16, u16),
}

/// Operations in order, ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Tape {
    steps: Vec<Step>,
    slots: usize,
    inputs: usize,
    /// Slot of each result.
    outputs: Vec<u16>,
}

/// An operation on slots, and the slot of its result; for a sigmoid, also that of the softplus of the same
/// number.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    op: Op,
    to: u16,
    softplus: Option<u16>,
}

/// Working memory of tapes of any length; its contents are meaningless between calls.
#[derive(Clone, Debug, Default)]
pub struct TapeScratch {
    slots: Vec<Slot>,
}

/// Values of an op.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Slot([Block; WIDTH]);

impl Op {
    fn operands(self) -> impl Iterator<Item = u16> {
        let some: [Option<u16>; 4] = match self {
            Self::Number(_) | Self::Input(_) => [None; 4],
            Self::Neg(a)
            | Self::Abs(a)
            | Self::Exp(a)
            | Self::Ln(a)
            | Self::Sigmoid(a)
            | Self::Softplus(a)
            | Self::Sqrt(a) => [Some(a), None, None, None],
            Self::Add(a, b)
            | Self::Sub(a, b)
            | Self::Mul(a, b)
            | Self::Div(a, b)
            | Self::Min(a, b)
            | Self::Max(a, b) => [Some(a), Some(b), None, None],
            Self::Less(a, b, yes, no) => [a, b, yes, no].map(Some),
        };
        some.into_iter().flatten()
    }

    /// The same with other operands.
    fn map(self, to: impl Fn(u16) -> u16) -> Self {
        match self {
            Self::Number(_) | Self::Input(_) => self,
            Self::Neg(a) => Self::Neg(to(a)),
            Self::Abs(a) => Self::Abs(to(a)),
            Self::Exp(a) => Self::Exp(to(a)),
            Self::Ln(a) => Self::Ln(to(a)),
            Self::Sigmoid(a) => Self::Sigmoid(to(a)),
            Self::Softplus(a) => Self::Softplus(to(a)),
            Self::Sqrt(a) => Self::Sqrt(to(a)),
            Self::Add(a, b) => Self::Add(to(a), to(b)),
            Self::Sub(a, b) => Self::Sub(to(a), to(b)),
            Self::Mul(a, b) => Self::Mul(to(a), to(b)),
            Self::Div(a, b) => Self::Div(to(a), to(b)),
            Self::Min(a, b) => Self::Min(to(a), to(b)),
            Self::Max(a, b) => Self::Max(to(a), to(b)),
            Self::Less(a, b, yes, no) => Self::Less(to(a), to(b), to(yes), to(no)),
        }
    }
}

impl Tape {
    /// A tape whose results are those of the ops `outputs`.
    ///
    /// # Panics
    /// If an operand does not precede its op, an output is none, or there are more than 2^16 ops.
    pub fn new(ops: &[Op], outputs: &[u16]) -> Self {
        assert!(ops.len() <= 1 << 16, "a tape is too long");
        let (mut last, mut inputs) = (vec![0; ops.len()], 0);
        for (at, op) in ops.iter().enumerate() {
            op.operands().for_each(|of| {
                assert!(usize::from(of) < at, "an op comes before its operand");
                last[usize::from(of)] = at;
            });
            if let Op::Input(column) = op {
                inputs = inputs.max(usize::from(*column) + 1);
            }
        }
        outputs.iter().for_each(|&of| last[usize::from(of)] = usize::MAX);
        let mut slots = Slots { of: vec![None; ops.len()], free: Vec::new(), count: 0 };
        let mut steps: Vec<Step> = Vec::new();
        for (at, &op) in ops.iter().enumerate() {
            let ends: Vec<u16> = op.operands().filter(|&of| last[usize::from(of)] == at).collect();
            // The softplus computed with a sigmoid, or the reverse.
            if slots.of[at].is_some() {
                slots.give(&ends);
                continue;
            }
            let softplus = match op {
                Op::Sigmoid(a) | Op::Softplus(a) => {
                    let both = [Op::Sigmoid(a), Op::Softplus(a)];
                    let [sigmoid, softplus] = both.map(|op| {
                        let later = ops[at..].iter().position(|other| *other == op);
                        later.map(|later| at + later)
                    });
                    sigmoid.zip(softplus)
                }
                _ => None,
            };
            let op = op.map(|of| slots.of[usize::from(of)].expect("operands come before"));
            let step = match (softplus, op) {
                (Some((sigmoid, softplus)), Op::Sigmoid(a) | Op::Softplus(a)) => {
                    let (to, other) = (slots.take(sigmoid), slots.take(softplus));
                    Step { op: Op::Sigmoid(a), to, softplus: Some(other) }
                }
                _ => Step { op, to: slots.take(at), softplus: None },
            };
            steps.push(step);
            slots.give(&ends);
        }
        let outputs = outputs.iter().map(|&of| slots.of[usize::from(of)].expect("an op")).collect();
        Self { steps, slots: slots.count, inputs, outputs }
    }

    /// Number of operations per cell.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether the tape is empty.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Number of columns that the input must have.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of results.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs.len()
    }
}

/// Which slots are in use while a tape is built.
struct Slots {
    of: Vec<Option<u16>>,
    free: Vec<u16>,
    count: usize,
}

impl Slots {
    fn take(&mut self, op: usize) -> u16 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            (self.count - 1) as u16
        });
        self.of[op] = Some(slot);
        slot
    }

    /// Slots of operands that are no longer needed; an operand may occur twice.
    fn give(&mut self, ops: &[u16]) {
        for &op in ops {
            let slot = self.of[usize::from(op)].expect("operands have slots");
            if !self.free.contains(&slot) {
                self.free.push(slot);
            }
        }
    }
}

/// Runs a tape over columns of `cells` cells.
#[inline(always)]
pub(crate) fn run<S: Lanes>(
    s: S,
    tape: &Tape,
    inputs: &[&[f32]],
    outputs: &mut [&mut [f32]],
    scratch: &mut TapeScratch,
) {
    if scratch.slots.len() < tape.slots {
        scratch.slots.resize(tape.slots, Slot([[0.0; LANES]; WIDTH]));
    }
    let cells = outputs.first().map_or(0, |column| column.len());
    let slots = &mut scratch.slots[..tape.slots];
    for first in (0..cells).step_by(CELLS) {
        let count = (cells - first).min(CELLS);
        for step in &tape.steps {
            one(s, step, slots, (first, count), inputs);
        }
        for (&slot, column) in tape.outputs.iter().zip(&mut *outputs) {
            let values = slots[usize::from(slot)].0.as_flattened();
            column[first..first + count].copy_from_slice(&values[..count]);
        }
    }
}

/// Does `$to[k] = $value` for all blocks, `$a` and so on being block k of the operands.
macro_rules! blocks {
    ($s:ident, $slots:ident, $count:ident, $to:expr, |$($name:ident = $of:ident),+| $value:expr) => {
        for k in 0..$count.min(WIDTH) {
            $(let $name = $s.load(&$slots[usize::from($of)].0[k]);)+
            $s.store($value, &mut $slots[usize::from($to)].0[k]);
        }
    };
}

/// One step on all blocks of its slots.
#[inline(always)]
fn one<S: Lanes>(
    s: S,
    step: &Step,
    slots: &mut [Slot],
    (first, cells): (usize, usize),
    inputs: &[&[f32]],
) {
    let (to, count) = (step.to, cells.div_ceil(LANES));
    match step.op {
        Op::Number(number) => {
            for block in &mut slots[usize::from(to)].0[..count] {
                s.store(s.splat(number), block);
            }
        }
        Op::Input(column) => {
            let column = &inputs[usize::from(column)][first..first + cells];
            let slot = slots[usize::from(to)].0.iter_mut();
            slot.zip(column.chunks(LANES)).for_each(|(to, of)| s.store(s.load_tail(of), to));
        }
        Op::Neg(a) => blocks!(s, slots, count, to, |a = a| s.neg(a)),
        Op::Abs(a) => blocks!(s, slots, count, to, |a = a| s.abs(a)),
        Op::Exp(a) => blocks!(s, slots, count, to, |a = a| math::exp_of(s, a)),
        Op::Ln(a) => blocks!(s, slots, count, to, |a = a| math::ln_of(s, a)),
        Op::Sqrt(a) => blocks!(s, slots, count, to, |a = a| math::sqrt_of(s, a)),
        Op::Softplus(a) => blocks!(s, slots, count, to, |a = a| math::softplus_of(s, a)),
        Op::Sigmoid(a) => match step.softplus {
            None => blocks!(s, slots, count, to, |a = a| math::sigmoid_of(s, a)),
            Some(other) => {
                for k in 0..count.min(WIDTH) {
                    let (sigmoid, softplus) =
                        math::logistic_of(s, s.load(&slots[usize::from(a)].0[k]));
                    s.store(sigmoid, &mut slots[usize::from(to)].0[k]);
                    s.store(softplus, &mut slots[usize::from(other)].0[k]);
                }
            }
        },
        Op::Add(a, b) => blocks!(s, slots, count, to, |a = a, b = b| s.add(a, b)),
        Op::Sub(a, b) => blocks!(s, slots, count, to, |a = a, b = b| s.sub(a, b)),
        Op::Mul(a, b) => blocks!(s, slots, count, to, |a = a, b = b| s.mul(a, b)),
        Op::Div(a, b) => blocks!(s, slots, count, to, |a = a, b = b| s.div(a, b)),
        Op::Min(a, b) => blocks!(s, slots, count, to, |a = a, b = b| s.min(a, b)),
        Op::Max(a, b) => blocks!(s, slots, count, to, |a = a, b = b| s.max(a, b)),
        Op::Less(a, b, yes, no) => {
            blocks!(s, slots, count, to, |a = a, b = b, yes = yes, no = no| {
                s.select(s.lt(a, b), yes, no)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_a_sigmoid_brings_its_softplus() {
        // softplus(s)·σ(s) + |s| of a sum that is long gone.
        let ops = [
            Op::Input(0),
            Op::Softplus(0),
            Op::Abs(0),
            Op::Sigmoid(0),
            Op::Mul(1, 3),
            Op::Add(4, 2),
        ];
        let tape = Tape::new(&ops, &[5]);
        assert_eq!((tape.len(), tape.slots, tape.inputs()), (5, 4, 1));
    }

    #[test]
    #[should_panic(expected = "an op comes before its operand")]
    fn an_op_cannot_read_a_later_one() {
        Tape::new(&[Op::Neg(1), Op::Number(1.0)], &[0]);
    }
}
