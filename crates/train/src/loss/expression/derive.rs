//! The derivative of a graph by the score, node by node in order, so that shared parts are differentiated once.
//!
//! Where a function has a corner, the derivative is that of one side, as subgradient steps require.

use super::graph::{Graph, Id, Node};

/// dL/ds of a node.
pub(super) fn by_score(graph: &mut Graph, of: Id) -> Id {
    let zero = graph.constant(0.0);
    let one = graph.constant(1.0);
    let nodes = usize::from(of) + 1;
    // The derivative of each node; nodes created meanwhile follow behind.
    let mut slopes: Vec<Id> = Vec::with_capacity(nodes);
    for place in 0..nodes {
        let id = place as Id;
        let slope = match graph.node(id) {
            Node::Number(_) => zero,
            Node::Input(column) => {
                if column == 0 {
                    one
                } else {
                    zero
                }
            }
            node => {
                let is_flat =
                    super::graph::operands(node).all(|id| slopes[usize::from(id)] == zero);
                if is_flat { zero } else { chain(graph, (id, node), &slopes) }
            }
        };
        slopes.push(slope);
    }
    slopes[usize::from(of)]
}

/// The derivative of an operation by the chain rule.
fn chain(graph: &mut Graph, (id, node): (Id, Node), slopes: &[Id]) -> Id {
    let slope = |id: Id| slopes[usize::from(id)];
    match node {
        Node::Number(_) | Node::Input(_) => unreachable!("leaves have no operands"),
        Node::Neg(a) => graph.neg(slope(a)),
        Node::Abs(a) => {
            let zero = graph.constant(0.0);
            let other = graph.neg(slope(a));
            graph.less([a, zero, other, slope(a)])
        }
        Node::Exp(a) => power_slope(graph, (id, a), slope(a)),
        Node::Log(a) => graph.div(slope(a), a),
        Node::Sigmoid(a) => {
            let minus = graph.neg(a);
            let other = graph.sigmoid(minus);
            let product = graph.mul(id, other);
            graph.mul(product, slope(a))
        }
        Node::Softplus(a) => {
            let sigmoid = graph.sigmoid(a);
            graph.mul(sigmoid, slope(a))
        }
        Node::Sqrt(a) => {
            let half = graph.constant(0.5);
            let half = graph.mul(half, slope(a));
            graph.div(half, id)
        }
        Node::Add(a, b) => graph.add(slope(a), slope(b)),
        Node::Sub(a, b) => graph.sub(slope(a), slope(b)),
        // A square as one product.
        Node::Mul(a, b) if a == b => {
            let two = graph.constant(2.0);
            let twice = graph.mul(two, slope(a));
            graph.mul(twice, a)
        }
        Node::Mul(a, b) => {
            let (left, right) = (graph.mul(slope(a), b), graph.mul(a, slope(b)));
            graph.add(left, right)
        }
        Node::Div(a, b) => {
            let product = graph.mul(id, slope(b));
            let rest = graph.sub(slope(a), product);
            graph.div(rest, b)
        }
        Node::Min(a, b) => graph.less([b, a, slope(b), slope(a)]),
        Node::Max(a, b) => graph.less([a, b, slope(b), slope(a)]),
        Node::Less(a, b, yes, no) => graph.less([a, b, slope(yes), slope(no)]),
    }
}

/// The derivative of e^a. If that is a power u^c by way of the logarithm, it is c·u^(c−1)·u', which is
/// also right at u = 0.
fn power_slope(graph: &mut Graph, (id, a): (Id, Id), slope: Id) -> Id {
    if let Node::Mul(power, log) = graph.node(a)
        && let (Some(number), Node::Log(base)) = (graph.number(power), graph.node(log))
        && let Node::Div(inner, _) = graph.node(strip(graph, slope))
    {
        let lower = graph.constant(number - 1.0);
        let (lower, factor) = (graph.pow(base, lower), graph.mul(power, inner));
        return graph.mul(factor, lower);
    }
    graph.mul(id, slope)
}

/// A product with a number, without that number.
fn strip(graph: &Graph, id: Id) -> Id {
    match graph.node(id) {
        Node::Mul(number, rest) if graph.number(number).is_some() => rest,
        _ => id,
    }
}
