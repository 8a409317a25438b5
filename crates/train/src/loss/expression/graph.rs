//! Expressions as a graph in which equal parts are one node, simplified as they are built.
//!
//! Terms: a `Node` is an operation on earlier nodes. Sums with 0 and products with 0 and 1 are removed, numbers are
//! folded in f64, and forms that would lose digits are replaced: `log(sigmoid(u))` becomes −softplus(−u), `log(1 +
//! exp(u))` softplus(u), `1/(1 + exp(u))` σ(−u).

use std::collections::HashMap;

use wordmill_kernels::{Op, Tape, real};

use super::names::{Constants, Name};
use super::parse::{Function, Tree};
use crate::loss::Reads;

/// A node, by its place.
pub(super) type Id = u16;

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// The bits of a number.
    Number(u64),
    Input(Column),
    Neg(Id),
    Abs(Id),
    Exp(Id),
    Log(Id),
    Sigmoid(Id),
    Softplus(Id),
    Sqrt(Id),
    Add(Id, Id),
    Sub(Id, Id),
    Mul(Id, Id),
    Div(Id, Id),
    Min(Id, Id),
    Max(Id, Id),
    /// The third operand if the first is below the second, else the fourth.
    Less(Id, Id, Id, Id),
}

/// A column of cells, by its index in the input of a tape.
pub(super) type Column = u8;

/// Nodes, each once.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    places: HashMap<Node, Id>,
}

/// Whole powers up to this one are products.
const PRODUCT_MAX: f64 = 16.0;

impl Graph {
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn node(&self, id: Id) -> Node {
        self.nodes[usize::from(id)]
    }

    /// The value of a node, if it is a number.
    pub fn number(&self, id: Id) -> Option<f64> {
        match self.node(id) {
            Node::Number(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    fn put(&mut self, node: Node) -> Id {
        // Past the limit of a loss nodes may be confused; such a loss is refused.
        let last = self.nodes.len().min(usize::from(Id::MAX)) as Id;
        if let Some(&place) = self.places.get(&node) {
            return place;
        }
        if last == Id::MAX {
            return 0;
        }
        self.nodes.push(node);
        self.places.insert(node, last);
        last
    }

    pub fn constant(&mut self, number: f64) -> Id {
        // Only one zero, so that −0 is the same node.
        let number = if number == 0.0 { 0.0 } else { number };
        self.put(Node::Number(number.to_bits()))
    }

    fn folded(&mut self, a: Id, b: Id, fold: impl Fn(f64, f64) -> f64) -> Option<Id> {
        let folded = fold(self.number(a)?, self.number(b)?);
        Some(self.constant(folded))
    }

    pub fn neg(&mut self, a: Id) -> Id {
        match self.node(a) {
            Node::Number(bits) => self.constant(-f64::from_bits(bits)),
            Node::Neg(inner) => inner,
            Node::Sub(left, right) => self.put(Node::Sub(right, left)),
            _ => self.put(Node::Neg(a)),
        }
    }

    pub fn add(&mut self, a: Id, b: Id) -> Id {
        if let Some(folded) = self.folded(a, b, |a, b| a + b) {
            return folded;
        }
        match (self.node(a), self.node(b)) {
            _ if self.number(a) == Some(0.0) => b,
            _ if self.number(b) == Some(0.0) => a,
            (_, Node::Neg(b)) => self.sub(a, b),
            (Node::Neg(a), _) => self.sub(b, a),
            _ => self.put(Node::Add(a.min(b), a.max(b))),
        }
    }

    pub fn sub(&mut self, a: Id, b: Id) -> Id {
        if let Some(folded) = self.folded(a, b, |a, b| a - b) {
            return folded;
        }
        match (self.node(a), self.node(b)) {
            _ if a == b => self.constant(0.0),
            _ if self.number(b) == Some(0.0) => a,
            _ if self.number(a) == Some(0.0) => self.neg(b),
            (_, Node::Neg(b)) => self.add(a, b),
            (Node::Neg(a), _) => {
                let sum = self.add(a, b);
                self.neg(sum)
            }
            // 1 − σ(u) loses digits, σ(−u) does not.
            (_, Node::Sigmoid(u)) if self.number(a) == Some(1.0) => {
                let u = self.neg(u);
                self.sigmoid(u)
            }
            _ => self.put(Node::Sub(a, b)),
        }
    }

    pub fn mul(&mut self, a: Id, b: Id) -> Id {
        if let Some(folded) = self.folded(a, b, |a, b| a * b) {
            return folded;
        }
        // A number comes first.
        let (a, b) = if self.number(b).is_some() { (b, a) } else { (a, b) };
        match (self.number(a), self.node(a), self.node(b)) {
            (Some(0.0), ..) => a,
            (Some(1.0), ..) => b,
            (Some(-1.0), ..) => self.neg(b),
            (Some(_), _, Node::Mul(inner, rest)) if self.number(inner).is_some() => {
                let product = self.mul(a, inner);
                self.mul(product, rest)
            }
            (Some(number), _, Node::Neg(b)) => {
                let number = self.constant(-number);
                self.mul(number, b)
            }
            (None, Node::Neg(a), _) => {
                let product = self.mul(a, b);
                self.neg(product)
            }
            (None, _, Node::Neg(b)) => {
                let product = self.mul(a, b);
                self.neg(product)
            }
            (None, ..) => self.put(Node::Mul(a.min(b), a.max(b))),
            _ => self.put(Node::Mul(a, b)),
        }
    }

    pub fn div(&mut self, a: Id, b: Id) -> Id {
        if let Some(number) = self.number(b).filter(|&number| number != 0.0) {
            let inverse = self.constant(1.0 / number);
            return self.mul(inverse, a);
        }
        if self.number(a) == Some(1.0)
            && let Some(u) = self.one_and_exp(b)
        {
            let u = self.neg(u);
            return self.sigmoid(u);
        }
        match (self.node(a), self.node(b)) {
            _ if self.number(a) == Some(0.0) => a,
            _ if a == b => self.constant(1.0),
            (Node::Neg(a), _) => {
                let quotient = self.div(a, b);
                self.neg(quotient)
            }
            (_, Node::Neg(b)) => {
                let quotient = self.div(a, b);
                self.neg(quotient)
            }
            _ => self.put(Node::Div(a, b)),
        }
    }

    /// u, if a node is 1 + exp(u).
    fn one_and_exp(&self, id: Id) -> Option<Id> {
        match self.node(id) {
            Node::Add(a, b) => [(a, b), (b, a)].into_iter().find_map(|(one, exp)| {
                match (self.number(one), self.node(exp)) {
                    (Some(1.0), Node::Exp(u)) => Some(u),
                    _ => None,
                }
            }),
            _ => None,
        }
    }

    pub fn log(&mut self, a: Id) -> Id {
        if let Some(u) = self.one_and_exp(a) {
            return self.softplus(u);
        }
        match self.node(a) {
            Node::Number(bits) => self.constant(real::ln(f64::from_bits(bits))),
            Node::Exp(u) => u,
            Node::Sigmoid(u) => {
                let u = self.neg(u);
                let softplus = self.softplus(u);
                self.neg(softplus)
            }
            _ => self.put(Node::Log(a)),
        }
    }

    pub fn exp(&mut self, a: Id) -> Id {
        match self.number(a) {
            Some(number) => self.constant(real::exp(number)),
            None => self.put(Node::Exp(a)),
        }
    }

    pub fn sigmoid(&mut self, a: Id) -> Id {
        match self.number(a) {
            Some(number) => self.constant(1.0 / (1.0 + real::exp(-number))),
            None => self.put(Node::Sigmoid(a)),
        }
    }

    fn softplus(&mut self, a: Id) -> Id {
        match self.number(a) {
            Some(number) => self.constant(number.max(0.0) + real::ln_1p(real::exp(-number.abs()))),
            None => self.put(Node::Softplus(a)),
        }
    }

    fn sqrt(&mut self, a: Id) -> Id {
        match self.number(a) {
            Some(number) => self.constant(number.sqrt()),
            None => self.put(Node::Sqrt(a)),
        }
    }

    fn abs(&mut self, a: Id) -> Id {
        match self.node(a) {
            Node::Number(bits) => self.constant(f64::from_bits(bits).abs()),
            Node::Neg(a) => self.put(Node::Abs(a)),
            Node::Abs(_) => a,
            _ => self.put(Node::Abs(a)),
        }
    }

    fn min(&mut self, a: Id, b: Id) -> Id {
        let folded = self.folded(a, b, f64::min);
        folded.unwrap_or_else(|| if a == b { a } else { self.put(Node::Min(a, b)) })
    }

    fn max(&mut self, a: Id, b: Id) -> Id {
        let folded = self.folded(a, b, f64::max);
        folded.unwrap_or_else(|| if a == b { a } else { self.put(Node::Max(a, b)) })
    }

    /// `yes` where a < b, else `no`.
    pub fn less(&mut self, [a, b, yes, no]: [Id; 4]) -> Id {
        match (self.number(a), self.number(b)) {
            _ if yes == no => yes,
            (Some(a), Some(b)) => {
                if a < b {
                    yes
                } else {
                    no
                }
            }
            _ => self.put(Node::Less(a, b, yes, no)),
        }
    }

    /// a^b: whole powers as products, others by logarithms.
    pub fn pow(&mut self, a: Id, b: Id) -> Id {
        if let Some(folded) = self.folded(a, b, real::pow) {
            return folded;
        }
        match self.number(b) {
            Some(0.5) => self.sqrt(a),
            Some(power) if power.fract() == 0.0 && power.abs() <= PRODUCT_MAX => {
                let one = self.constant(1.0);
                let (mut product, mut square, mut left) = (one, a, power.abs() as u32);
                while left > 0 {
                    if left & 1 == 1 {
                        product = self.mul(product, square);
                    }
                    left >>= 1;
                    if left > 0 {
                        square = self.mul(square, square);
                    }
                }
                if power < 0.0 { self.div(one, product) } else { product }
            }
            _ => {
                let log = self.log(a);
                let power = self.mul(b, log);
                self.exp(power)
            }
        }
    }

    /// The node of a tree.
    pub fn lower(&mut self, tree: &Tree, constants: Constants) -> Id {
        let (function, arguments) = match tree {
            Tree::Number(number) => return self.constant(*number),
            Tree::Name(name) => return self.name(*name, constants),
            Tree::Call(function, arguments) => (*function, arguments),
        };
        let ids: Vec<Id> = arguments.iter().map(|tree| self.lower(tree, constants)).collect();
        match (function, ids[..].as_ref()) {
            (Function::Add, &[a, b]) => self.add(a, b),
            (Function::Subtract, &[a, b]) => self.sub(a, b),
            (Function::Multiply, &[a, b]) => self.mul(a, b),
            (Function::Divide, &[a, b]) => self.div(a, b),
            (Function::Pow, &[a, b]) => self.pow(a, b),
            (Function::Min, &[a, b]) => self.min(a, b),
            (Function::Max, &[a, b]) => self.max(a, b),
            (Function::Clamp, &[a, least, most]) => {
                let a = self.max(a, least);
                self.min(a, most)
            }
            (Function::Negate, &[a]) => self.neg(a),
            (Function::Log, &[a]) => self.log(a),
            (Function::Exp, &[a]) => self.exp(a),
            (Function::Sqrt, &[a]) => self.sqrt(a),
            (Function::Abs, &[a]) => self.abs(a),
            (Function::Sigmoid, &[a]) => self.sigmoid(a),
            (Function::Softplus, &[a]) => self.softplus(a),
            (Function::Step, &[a]) => {
                let (zero, one) = (self.constant(0.0), self.constant(1.0));
                self.less([a, zero, zero, one])
            }
            // tanh u = 2σ(2u) − 1
            (Function::Tanh, &[a]) => {
                let (one, two) = (self.constant(1.0), self.constant(2.0));
                let twice = self.mul(two, a);
                let sigmoid = self.sigmoid(twice);
                let twice = self.mul(two, sigmoid);
                self.sub(twice, one)
            }
            _ => unreachable!("arguments were counted as they were read"),
        }
    }

    fn name(&mut self, name: Name, constants: Constants) -> Id {
        match name {
            Name::S => self.put(Node::Input(0)),
            Name::X => self.put(Node::Input(1)),
            Name::ICount => self.put(Node::Input(2)),
            Name::JCount => self.put(Node::Input(3)),
            Name::Tokens => self.constant(constants.tokens),
            Name::Pairs => self.constant(constants.pairs),
        }
    }

    /// A tape with only what these nodes need, and the columns it reads beside the score.
    pub fn tape(&self, outputs: &[Id]) -> (Tape, Reads) {
        let mut needed = vec![false; self.nodes.len()];
        outputs.iter().for_each(|&id| needed[usize::from(id)] = true);
        for place in (0..self.nodes.len()).rev() {
            if needed[place] {
                operands(self.nodes[place]).for_each(|id| needed[usize::from(id)] = true);
            }
        }
        let (mut ops, mut places, mut reads) =
            (Vec::new(), vec![0; needed.len()], Reads::default());
        for (place, &node) in self.nodes.iter().enumerate().filter(|(place, _)| needed[*place]) {
            let at = |id: Id| places[usize::from(id)];
            let op = match node {
                Node::Number(bits) => Op::Number(f64::from_bits(bits) as f32),
                Node::Input(column) => Op::Input(column),
                Node::Neg(a) => Op::Neg(at(a)),
                Node::Abs(a) => Op::Abs(at(a)),
                Node::Exp(a) => Op::Exp(at(a)),
                Node::Log(a) => Op::Ln(at(a)),
                Node::Sigmoid(a) => Op::Sigmoid(at(a)),
                Node::Softplus(a) => Op::Softplus(at(a)),
                Node::Sqrt(a) => Op::Sqrt(at(a)),
                Node::Add(a, b) => Op::Add(at(a), at(b)),
                Node::Sub(a, b) => Op::Sub(at(a), at(b)),
                Node::Mul(a, b) => Op::Mul(at(a), at(b)),
                Node::Div(a, b) => Op::Div(at(a), at(b)),
                Node::Min(a, b) => Op::Min(at(a), at(b)),
                Node::Max(a, b) => Op::Max(at(a), at(b)),
                Node::Less(a, b, yes, no) => Op::Less(at(a), at(b), at(yes), at(no)),
            };
            reads.x |= node == Node::Input(1);
            reads.counts |= matches!(node, Node::Input(2 | 3));
            places[place] = ops.len() as u16;
            ops.push(op);
        }
        let outputs: Vec<u16> = outputs.iter().map(|&id| places[usize::from(id)]).collect();
        (Tape::new(&ops, &outputs), reads)
    }
}

/// The nodes that a node reads.
pub(super) fn operands(node: Node) -> impl Iterator<Item = Id> {
    let some: [Option<Id>; 4] = match node {
        Node::Number(_) | Node::Input(_) => [None; 4],
        Node::Neg(a)
        | Node::Abs(a)
        | Node::Exp(a)
        | Node::Log(a)
        | Node::Sigmoid(a)
        | Node::Softplus(a)
        | Node::Sqrt(a) => [Some(a), None, None, None],
        Node::Add(a, b)
        | Node::Sub(a, b)
        | Node::Mul(a, b)
        | Node::Div(a, b)
        | Node::Min(a, b)
        | Node::Max(a, b) => [Some(a), Some(b), None, None],
        Node::Less(a, b, yes, no) => [a, b, yes, no].map(Some),
    };
    some.into_iter().flatten()
}
