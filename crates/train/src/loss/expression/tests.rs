//! Tests of expressions: values against plain arithmetic in f64, slopes against finite differences in f64, and the
//! positions in errors.

use super::parse::{Function, Tree};
use super::*;
use crate::loss::check_slope;
use crate::random::Stream;

const CONSTANTS: Constants = Constants { tokens: 1e6, pairs: 6e6 };

/// Evaluates a tree in f64, as it is written.
fn exact(tree: &Tree, cell: [f64; 4]) -> f64 {
    let (function, arguments) = match tree {
        Tree::Number(number) => return *number,
        Tree::Name(name) => {
            return match name {
                Name::S => cell[0],
                Name::X => cell[1],
                Name::ICount => cell[2],
                Name::JCount => cell[3],
                Name::Tokens => CONSTANTS.tokens,
                Name::Pairs => CONSTANTS.pairs,
            };
        }
        Tree::Call(function, arguments) => (function, arguments),
    };
    let values: Vec<f64> = arguments.iter().map(|tree| exact(tree, cell)).collect();
    let a = values[0];
    let b = values.get(1).copied().unwrap_or(f64::NAN);
    match function {
        Function::Add => a + b,
        Function::Subtract => a - b,
        Function::Multiply => a * b,
        Function::Divide => a / b,
        Function::Negate => -a,
        Function::Pow => a.powf(b),
        Function::Min => a.min(b),
        Function::Max => a.max(b),
        Function::Clamp => a.max(b).min(values[2]),
        Function::Log => a.ln(),
        Function::Exp => a.exp(),
        Function::Sqrt => a.sqrt(),
        Function::Abs => a.abs(),
        Function::Sigmoid => 1.0 / (1.0 + (-a).exp()),
        Function::Softplus => a.max(0.0) + (-a.abs()).exp().ln_1p(),
        Function::Tanh => a.tanh(),
        Function::Step => f64::from(u8::from(a >= 0.0)),
    }
}

fn written(text: &str, term: Term) -> (Tree, CompiledLoss) {
    let part = Expression::parse(text, term).unwrap_or_else(|error| panic!("{text}: {error}"));
    let tree = part.tree.clone();
    (tree, CompiledLoss::new(&[(term, part)], CONSTANTS, wordmill_kernels::best()).unwrap())
}

/// Loss and slope computed by the tape.
fn by_tape(loss: &CompiledLoss, term: Term, [s, x, i, j]: [f64; 4]) -> (f64, f64) {
    let (mut value, mut slope) = ([0.0], [0.0]);
    let column = |value: f64| [value as f32];
    let (s, x, i, j) = (column(s), column(x), column(i), column(j));
    let cells = Cells { score: &s, x: &x, i_count: &i, j_count: &j };
    loss.eval(term, cells, Outcome { loss: &mut value, slope: &mut slope });
    (value[0].into(), slope[0].into())
}

/// Losses that people write, and every construct of expressions.
const WRITTEN: [(&str, Term); 16] = [
    ("-log(sigmoid(s)) + 0.1*s^2", Term::Positive),
    ("-log(sigmoid(-s))", Term::Negative),
    ("-log(1 - sigmoid(s))", Term::Negative),
    ("log(1 + exp(-s))", Term::Positive),
    ("max(0, 1 - s)", Term::Positive),
    ("-sigmoid(-s)^2 * log(sigmoid(s))", Term::Positive),
    ("min(1,(x/10)^0.75) * (s - log(x))^2", Term::Cell),
    (
        "0.5 * min(1, (x/10)^0.75) * (s - max(0, log(x*tokens^2/(pairs*i_count*j_count))))^2",
        Term::Cell,
    ),
    ("abs(s - ln(x))^1.5 / sqrt(1 + i_count/tokens)", Term::Cell),
    ("sqrt(1 + (s - log(x))^2) - 1", Term::Cell),
    ("clamp(s, -1, 2)^2 + tanh(s)", Term::Cell),
    ("pow(2, s) - s * 0.693147 + (s^2 + 1)^-2 + (s - 3)^2 * step(s - 3)", Term::Cell),
    ("exp(-s)/(1 + exp(-s)) + 1/(1 + exp(s))", Term::Cell),
    ("(((s)))^3 - -s", Term::Cell),
    ("s^2^0.5 * 2e-1 - s/-4", Term::Cell),
    ("softplus(s)^2.5 + abs(s)*s", Term::Cell),
];

#[test]
fn tapes_compute_the_written_expression() {
    for (text, term) in WRITTEN {
        let (tree, loss) = written(text, term);
        for s in [-7.3, -2.0, -0.4, 0.3, 1.1, 5.5] {
            for (x, i, j) in [(0.5, 30.0, 700.0), (12.0, 400.0, 90.0), (900.0, 1e5, 2e4)] {
                let cell = [s, x, i, j];
                let expected = exact(&tree, cell.map(|value| f64::from(value as f32)));
                let (found, slope) = by_tape(&loss, term, cell);
                if expected.is_nan() {
                    assert!(found.is_nan(), "{text} at {cell:?}: {found}");
                    continue;
                }
                let near = |a: f64, b: f64, part: f64| (a - b).abs() <= part * b.abs().max(1.0);
                assert!(near(found, expected, 3e-6), "{text} at {cell:?}: {found} for {expected}");
                let shifted = |shift| exact(&tree, [s + shift, x, i, j]);
                let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                assert!(near(slope, difference, 1e-5), "{text} at {cell:?}: {slope} {difference}");
            }
        }
    }
}

#[test]
fn slopes_are_those_of_finite_differences() {
    for (text, term) in WRITTEN {
        check_slope(&written(text, term).1, term).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

/// A random expression over s and x that is finite everywhere.
fn random_text(stream: &mut Stream, depth: u32) -> String {
    if depth == 0 {
        return match stream.below(4) {
            0 => "x".into(),
            1 => format!("{:.2}", stream.unit() * 3.0),
            _ => "s".into(),
        };
    }
    let a = random_text(stream, depth - 1);
    match stream.below(14) {
        0 => format!("-{a}"),
        1 => format!("({a})"),
        2 => format!("sigmoid({a})"),
        3 => format!("softplus({a})"),
        4 => format!("tanh({a})"),
        5 => format!("log(1.5 + abs({a}))"),
        6 => format!("exp(-abs({a}))"),
        7 => format!("sqrt(2 + ({a})^2)"),
        pick => {
            let b = random_text(stream, depth - 1);
            match pick {
                8 => format!("{a} + {b}"),
                9 => format!("{a} - ({b})"),
                10 => format!("({a}) * sigmoid({b})"),
                11 => format!("min({a}, {b})"),
                12 => format!("max({a}, {b})"),
                _ => format!("({a}) / (1 + exp(-({b})))"),
            }
        }
    }
}

#[test]
fn random_expressions_have_the_values_of_their_trees() {
    let mut compared = 0;
    for seed in 0..400 {
        let mut stream = Stream::new(seed, &[7]);
        let depth = 2 + seed as u32 % 4;
        let text = random_text(&mut stream, depth);
        let part = Expression::parse(&text, Term::Cell).unwrap();
        let tree = part.tree.clone();
        let kernels = wordmill_kernels::best();
        // Some do not depend on s.
        let Ok(loss) = CompiledLoss::new(&[(Term::Cell, part)], CONSTANTS, kernels) else {
            continue;
        };
        for _ in 0..20 {
            let s = f64::from((stream.unit() - 0.5) * 8.0);
            let cell = [s, f64::from(0.1 + stream.unit() * 4.0), 1.0, 1.0];
            let at = |shift: f64| exact(&tree, [s + shift, cell[1], 1.0, 1.0]);
            let (value, slope) = by_tape(&loss, Term::Cell, cell);
            let near = |a: f64, b: f64, part: f64| (a - b).abs() <= part * b.abs().max(1.0);
            assert!(
                near(value, at(0.0), 1e-5),
                "seed {seed}, {text} at {cell:?}: {value} {}",
                at(0.0)
            );
            // At a corner the two sides differ; either slope is accepted.
            let sides = [(at(0.0) - at(-1e-6)) / 1e-6, (at(1e-6) - at(0.0)) / 1e-6];
            let fits = sides.iter().any(|&side| near(slope, side, 2e-4));
            assert!(fits, "seed {seed}, {text} at {cell:?}: {slope} {sides:?}");
            compared += 1;
        }
    }
    assert!(compared > 4000, "{compared}");
}

#[test]
fn tapes_have_the_same_bits_on_every_instruction_set() {
    use wordmill_kernels::{Level, at, available};
    let column = |scale: f32| -> Vec<f32> {
        (0..307).map(|i| (i as f32 * 0.37 - 50.0) * scale).chain([0.0, -0.0, 3e38]).collect()
    };
    let (s, x) = (column(0.2), column(0.3).iter().map(|x| x.abs() + 0.01).collect::<Vec<_>>());
    for (text, term) in WRITTEN {
        let part = Expression::parse(text, term).unwrap();
        let bits = |level: Level| {
            let kernels = at(level).unwrap();
            let loss = CompiledLoss::new(&[(term, part.clone())], CONSTANTS, kernels).unwrap();
            let (mut value, mut slope) = (vec![0.0f32; s.len()], vec![0.0f32; s.len()]);
            let cells = Cells { score: &s, x: &x, i_count: &x, j_count: &x };
            loss.eval(term, cells, Outcome { loss: &mut value, slope: &mut slope });
            let both = value.into_iter().chain(slope);
            both.map(|it| if it.is_nan() { 1 } else { it.to_bits() }).collect::<Vec<u32>>()
        };
        let scalar = bits(Level::Scalar);
        available().into_iter().for_each(|level| assert_eq!(bits(level), scalar, "{text} {level}"));
    }
}

#[test]
fn forms_that_lose_digits_are_replaced() {
    for (text, other) in [
        ("-log(sigmoid(s))", "softplus(-s)"),
        ("-log(1 - sigmoid(s))", "softplus(s)"),
        ("log(exp(s) + 1)", "softplus(s)"),
        ("1/(1 + exp(-s))", "sigmoid(s)"),
        ("log(exp(0.75*log(x) + s))", "0.75*log(x) + s"),
        ("s*1 + 0*x + s^1 - (s - s)", "s + s"),
    ] {
        let node = |text: &str| {
            let mut graph = graph::Graph::default();
            let tree = parse::parse(text, Term::Cell).unwrap();
            let id = graph.lower(&tree, CONSTANTS);
            graph.tape(&[id])
        };
        assert_eq!(node(text), node(other), "{text}");
    }
    // Also at extreme scores: no infinity, and a slope.
    let (_, loss) = written("-log(sigmoid(s))", Term::Positive);
    assert_eq!(by_tape(&loss, Term::Positive, [-200.0, 1.0, 1.0, 1.0]), (200.0, -1.0));
}

#[test]
fn a_logistic_loss_is_five_operations() {
    // s, −s, both functions of it at once, and their signs.
    let (_, loss) = written("-log(sigmoid(s))", Term::Positive);
    assert!(loss.operations() <= 5, "{}", loss.operations());
}

#[test]
fn errors_have_the_position_of_the_character() {
    for (text, term, at, what) in [
        ("", Term::Cell, 0, "expected a number, a name or a parenthesis, found the end"),
        ("s +", Term::Cell, 3, "found the end"),
        ("log(sigmod(s))", Term::Cell, 4, "unknown name \"sigmod\""),
        ("(s - log(x)", Term::Cell, 0, "this parenthesis is not closed"),
        ("log(s", Term::Cell, 3, "this parenthesis is not closed"),
        ("s)", Term::Cell, 1, "a closing parenthesis without an opening one"),
        ("2 s", Term::Cell, 2, "expected an operator"),
        ("(s x)", Term::Cell, 3, "expected an operator (+ - * / ^) or a closing parenthesis"),
        ("s ** 2", Term::Cell, 2, "a power is written with ^"),
        ("log", Term::Cell, 0, "log is a function: write log(…)"),
        ("min(s)", Term::Cell, 0, "min takes 2 arguments, not 1"),
        ("exp(s, x)", Term::Cell, 0, "exp takes 1 argument, not 2"),
        ("s + 1.2.3", Term::Cell, 4, "\"1.2.3\" is not a number"),
        ("s + 1e99", Term::Cell, 4, "\"1e99\" is not a number"),
        ("é", Term::Cell, 0, "unknown name \"é\""),
        ("ü*(s # x)", Term::Cell, 0, "unknown name"),
        ("s # x", Term::Cell, 2, "expected an operator"),
        ("s*x", Term::Positive, 2, "a sampled pair is one occurrence"),
    ] {
        let error = Expression::parse(text, term).unwrap_err();
        assert!(error.at == Some(at) && error.what.contains(what), "{text}: {error:?}");
    }
    let deep = format!("{}s{}", "(".repeat(900), ")".repeat(900));
    let error = Expression::parse(&deep, Term::Cell).unwrap_err();
    assert!(error.what.contains("nested more than 60 deep"), "{error}");
    let long = "s+".repeat(1500);
    let error = Expression::parse(&long, Term::Cell).unwrap_err();
    assert!(error.what.contains("longer than 2000 characters"), "{error}");
    let constant = Expression::parse("x + 1 + s - s", Term::Cell).unwrap();
    let kernels = wordmill_kernels::best();
    let error = CompiledLoss::new(&[(Term::Cell, constant)], CONSTANTS, kernels).err().unwrap();
    assert!(error.what.contains("does not depend on the score"), "{error}");
}
