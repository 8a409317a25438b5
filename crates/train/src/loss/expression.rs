//! Losses written as expressions: `-log(sigmoid(s)) + 0.1*s^2`.
//!
//! An expression is parsed once (`parse.rs`), becomes a graph in which equal parts are one node (`graph.rs`), and is
//! differentiated by the score (`derive.rs`). Both go onto one tape of the kernels, which works on blocks of cells with
//! the same bits on every instruction set. That last point rules out packages for expressions: exmex and others
//! evaluate one number at a time with the elementary functions of the system.

mod derive;
mod graph;
mod names;
mod parse;

use std::cell::RefCell;

use wordmill_kernels::{Kernels, TapeScratch};

use crate::loss::{CellLoss, Cells, Outcome, Reads, Term};
pub use names::{Constants, Name};
pub use parse::ExpressionError;
use parse::Tree;

/// A parsed part of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    tree: Tree,
}

/// A loss whose parts are expressions.
pub struct CompiledLoss {
    formula: String,
    reads: Reads,
    parts: Vec<(Term, wordmill_kernels::Tape)>,
    kernels: &'static Kernels,
}

/// Limit of nodes of a loss and its derivative; a sensible loss has a few dozen.
const NODES_MAX: usize = 2000;

impl Expression {
    /// Parses a part.
    ///
    /// # Errors
    /// The problem, and the character at which it is.
    pub fn parse(text: &str, term: Term) -> Result<Self, ExpressionError> {
        let tree = parse::parse(text, term)?;
        Ok(Self { text: text.into(), tree })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl CompiledLoss {
    /// Differentiates and compiles the parts of a loss.
    ///
    /// # Errors
    /// A part that does not depend on the score, or whose derivative is too long.
    pub fn new(
        parts: &[(Term, Expression)],
        constants: Constants,
        kernels: &'static Kernels,
    ) -> Result<Self, ExpressionError> {
        let mut reads = Reads::default();
        let compile = |(term, part): &(Term, Expression)| {
            let mut graph = graph::Graph::default();
            let loss = graph.lower(&part.tree, constants);
            let slope = derive::by_score(&mut graph, loss);
            let wrong = |what: &str| Err(ExpressionError::whole(what));
            if graph.len() > NODES_MAX {
                return wrong("the loss and its derivative are too long; shorten it");
            }
            if graph.number(slope) == Some(0.0) {
                return wrong(
                    "the loss does not depend on the score s, so nothing would be learned",
                );
            }
            let (tape, read) = graph.tape(&[loss, slope]);
            reads.x |= read.x;
            reads.counts |= read.counts;
            Ok((*term, tape))
        };
        let tapes = parts.iter().map(compile).collect::<Result<_, _>>()?;
        let formula: Vec<&str> = parts.iter().map(|(_, part)| part.text()).collect();
        Ok(Self { formula: formula.join(", "), reads, parts: tapes, kernels })
    }

    /// Number of operations that the parts take per cell.
    pub fn operations(&self) -> usize {
        self.parts.iter().map(|(_, tape)| tape.len()).sum()
    }
}

impl CellLoss for CompiledLoss {
    fn reads(&self) -> Reads {
        self.reads
    }

    fn eval(&self, term: Term, cells: Cells<'_>, out: Outcome<'_>) {
        thread_local! {
            static SCRATCH: RefCell<TapeScratch> = RefCell::default();
        }
        let part = self.parts.iter().find(|(part, _)| *part == term);
        let (_, tape) = part.expect("a trainer asks for the parts that its loss has");
        let inputs = [cells.score, cells.x, cells.i_count, cells.j_count];
        SCRATCH.with_borrow_mut(|scratch| {
            self.kernels.tape(tape, &inputs, &mut [out.loss, out.slope], scratch);
        });
    }

    fn formula(&self) -> String {
        self.formula.clone()
    }
}

#[cfg(test)]
mod tests;
