//! Tests of `train.loss`: names with parameters, and expressions.

use wordmill_train::{CellsLoss, LossConfig, PairLoss};

use super::*;

#[test]
fn losses_have_names_and_parameters() {
    let trainer = |loss: &str, model: &str| {
        format!("{MINIMAL}[[train]]\nname = \"x\"\nmodel = \"{model}\"\n{loss}")
    };
    for (model, written, expected) in [
        ("skip-gram", "loss = \"logistic\"", None),
        ("glove", "loss = \"squares\"", None),
        ("skip-gram", "loss = \"hinge\"", Some(LossConfig::Pairs(PairLoss::Hinge { margin: 1.0 }))),
        (
            "skip-gram",
            "loss = { name = \"focal\", gamma = 2 }",
            Some(LossConfig::Pairs(PairLoss::Focal { gamma: 2.0 })),
        ),
        (
            "glove",
            "loss = { name = \"huber\", delta = 0.5 }",
            Some(LossConfig::Cells(CellsLoss::Huber { delta: 0.5 })),
        ),
        (
            "glove",
            "loss.name = \"ppmi\"\nloss.shift = 5",
            Some(LossConfig::Cells(CellsLoss::Ppmi { shift: 5.0 })),
        ),
    ] {
        let config = resolve(&trainer(written, model), &[]).unwrap();
        assert_eq!(config.train[0].loss, expected, "{written}");
        assert_eq!(resolve(&config.to_toml(), &[]), Ok(config));
    }
    for (model, written, expected) in [
        (
            "skip-gram",
            "loss = \"hing\"",
            ".name: skip-gram with negative sampling has no loss \"hing\", did you mean \"hinge\"?; … \"focal\"",
        ),
        (
            "glove",
            "loss = \"hinge\"",
            ".name: GloVe has no loss … \"squares\" or \"huber\" or \"ppmi\"",
        ),
        (
            "skip-gram",
            "loss = { margin = 1 }",
            ".name: missing; choose \"logistic\" or … \"focal\"",
        ),
        ("skip-gram", "loss = 3", ": expected a name in quotes or a table in braces, found 3"),
        (
            "skip-gram",
            "loss = { name = \"hinge\", gamma = 1 }",
            ".gamma: only used by name = \"focal\"; remove it",
        ),
        (
            "glove",
            "loss = { name = \"huber\", delta = 0 }",
            ".delta: expected a number above 0, found 0",
        ),
        (
            "cbow",
            "loss = \"hinge\"",
            ": not used by CBOW with negative sampling, … GloVe; remove it",
        ),
    ] {
        check(&trainer(written, model), &[], &format!("p.toml:6: train.0.loss{expected}"));
    }
    let text = trainer("objective = \"hierarchical-softmax\"\nloss = \"hinge\"", "skip-gram");
    check(&text, &[], "p.toml:7: train.0.loss: not used by skip-gram with hierarchical softmax");
}

#[test]
fn losses_are_written_as_expressions() {
    let trainer = |loss: &str, model: &str| {
        format!("{MINIMAL}[[train]]\nname = \"x\"\nmodel = \"{model}\"\n{loss}")
    };
    let both = "loss = { positive = \"-log(sigmoid(s)) + 0.1*s^2\", negative = \"softplus(s)\" }";
    let cell = "loss = { cell = \"min(1,(x/10)^0.75) * (s - log(x))^2\" }";
    for (model, written, parts) in [("skip-gram", both, 2), ("glove", cell, 1)] {
        let config = resolve(&trainer(written, model), &[]).unwrap();
        let found = config.train[0].loss.as_ref().and_then(LossConfig::parts);
        assert_eq!(found.unwrap().len(), parts, "{written}");
        assert!(config.to_toml().contains("loss = { "), "{}", config.to_toml());
        assert_eq!(resolve(&config.to_toml(), &[]), Ok(config));
    }
    let cell = |text: &str| format!("loss = {{ cell = \"{text}\" }}");
    for (model, written, expected) in [
        (
            "glove",
            cell("(s - lg(x))^2"),
            ".cell: character 6: unknown name \"lg\" … , clamp\n    (s - lg(x))^2\n         ^",
        ),
        (
            "glove",
            cell("(s - logg(x))^2"),
            ".cell: character 6: unknown name \"logg\", did you mean \"log\"?; known are s, x,",
        ),
        (
            "glove",
            cell("(s - x"),
            ".cell: character 1: this parenthesis is not closed\n    (s - x\n    ^",
        ),
        ("glove", cell("x"), ".cell: the loss does not depend on the score s"),
        (
            "glove",
            cell("log(s)"),
            ".cell: the loss is NaN and its slope … must be finite for any score",
        ),
        (
            "glove",
            cell("s*step(s - 1)"),
            ".cell: the cell loss has a slope of … it may have corners",
        ),
        ("glove", "loss.positive = \"s\"".into(), ".name: missing; choose"),
        (
            "skip-gram",
            "loss = { negative = \"s\" }".into(),
            ".positive: missing; negative alone is no loss",
        ),
        (
            "skip-gram",
            "loss.positive = \"s*x\"".into(),
            ".positive: character 3: x is the weight of a cell",
        ),
        (
            "skip-gram",
            "loss = { name = \"hinge\", positive = \"s\", negative = \"s\" }".into(),
            ".name: a loss has a name or expressions, not both",
        ),
    ] {
        check(&trainer(&written, model), &[], &format!("p.toml:6: train.0.loss{expected}"));
    }
    let text = trainer(&format!("x_max = 3\n{}", cell("s^2")), "glove");
    check(
        &text,
        &[],
        "p.toml:6: train.0.x_max: not used by a loss that is written as an expression",
    );
}
