//! Code that determines bytes of an artefact calls no function of the C library, as those differ between machines. The
//! kernels have their own in `real` and `math`.

use super::{Finding, Repository, Source, assert_found, assert_none, lexer};

/// Crates whose numbers end up in artefacts.
const ROOMS: &[&str] = &["kernels", "text", "vocab", "cooccur", "train"];

/// Functions of f32 and f64 whose results differ between C libraries. Without `log` of two arguments, which is also the
/// name of a method of an expression, and without those that IEEE 754 defines: `sqrt`, `abs`, `floor`, `mul_add`, …
const FUNCTIONS: &[&str] = &[
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "exp",
    "exp2", "exp_m1", "hypot", "ln", "ln_1p", "log10", "log2", "powf", "powi", "sin", "sin_cos",
    "sinh", "tan", "tanh",
];
/// Those that take another number: with its parenthesis, methods of the same name on other types are
/// distinguished.
const OF_TWO: &[&str] = &["atan2", "hypot", "powf", "powi"];

/// Files that may call them, because no byte of an artefact depends on them.
const ALLOWED: &[(&str, &str)] = &[
    ("crates/cooccur/src/need.rs", "estimates of time and space, which are only shown"),
    ("crates/train/src/need.rs", "the same"),
    ("crates/vocab/src/phrases/need.rs", "the same"),
];

fn calls(source: &Source) -> Vec<Finding> {
    let allowed = ALLOWED.iter().any(|(path, _)| *path == source.path);
    if allowed || !ROOMS.contains(&source.room()) {
        return Vec::new();
    }
    all_calls(source)
}

fn all_calls(source: &Source) -> Vec<Finding> {
    let each = |name: &&str| {
        let end = if OF_TWO.contains(name) { "(" } else { "()" };
        let forms = [format!(".{name}{end}"), format!("f64::{name}"), format!("f32::{name}")];
        let found = forms.map(|form| lexer::word_lines(&source.split.code, &form));
        let what = format!("`{name}` of the standard library: take that of the kernels");
        found.into_iter().flatten().map(move |line| Finding::new(&source.path, line, what.clone()))
    };
    let mut found: Vec<Finding> = FUNCTIONS.iter().flat_map(each).collect();
    found.retain(|finding| !source.is_test_line(finding.line));
    found.sort_by_key(|finding| finding.line);
    found
}

#[test]
fn bytes_depend_on_no_function_of_the_c_library() {
    let repository = Repository::read();
    assert_none(repository.rust().flat_map(calls).collect());
    let needless = ALLOWED.iter().filter(|(path, _)| {
        let source = repository.rust().find(|source| source.path == *path);
        source.is_none_or(|source| all_calls(source).is_empty())
    });
    let finding =
        |(path, _): &(&str, &str)| Finding::new(path, 0, "calls none: take it off the list");
    assert_none(needless.map(finding).collect());
}

#[test]
fn calls_are_found() {
    let path = "crates/train/src/a.rs";
    assert_found(calls, path, "let a = x.ln();\nlet b = x\n    .powf(0.75);", &[1, 3]);
    assert_found(calls, path, "let a = xs.map(f64::exp);\nlet b = f32::powi(x, 2);", &[1, 2]);
    assert_found(calls, path, "kernels.ln(&mut x);\ngraph.exp(a);\nreal::pow(x, y)", &[]);
    assert_found(calls, path, "x.sqrt() + x.exponent() + x.powers(2)", &[]);
    assert_found(calls, path, "// x.ln()\n#[cfg(test)]\nmod tests {\n let a = x.ln();\n}", &[]);
    assert_found(calls, ALLOWED[0].0, "x.ln()", &[]);
    assert_found(calls, "crates/query/src/a.rs", "x.ln()", &[]);
}
