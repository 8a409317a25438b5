//! Optimisers, penalties and schedules.

use wordmill_train::Optimizer;

use super::*;
use crate::config::keys::variants_of;

#[test]
fn trainers_have_a_choice_of_optimizers_penalties_and_schedules() {
    for variant in variants_of::<Optimizer>("optimizer").iter() {
        let name = variant.name.name;
        for trainer in 0..3 {
            let layer = format!("train.{trainer}.optimizer={name}");
            // The template's rate is that of the trainer's own optimiser.
            let text: String = TEMPLATE
                .lines()
                .filter(|line| !line.starts_with("rate"))
                .flat_map(|it| [it, "\n"])
                .collect();
            let config = resolve(&text, &[&layer]).unwrap();
            let found = crate::config::rows::tagged_rows_of(
                "optimizer",
                &config.train[trainer].steps.optimizer,
            );
            assert_eq!(found[0].1.as_str(), Some(name));
            assert_eq!(resolve(&config.to_toml(), &[]), Ok(config));
        }
    }
    for (layers, expected) in [
        (&["train.0.l2=0.001"][..], "l2 = 0.001"),
        (&["train.2.clip=2"], "clip = 2.0"),
        (&["train.0.max_norm=3", "train.0.l2=0"], "max_norm = 3.0"),
        (&["train.0.schedule=cosine", "train.0.final_rate=0.1"], "schedule = \"cosine\""),
        (&["train.2.schedule=linear", "train.2.final_rate=0.2"], "final_rate = 0.2"),
        (&["train.1.optimizer=adam", "train.1.beta2=0.99"], "beta2 = 0.99"),
        (&["train.1.l2=1"], "--set train.1.l2=1: train.1.l2: not with optimizer = \"sgd\""),
        (
            &["train.0.beta1=0.5"],
            "--set train.0.beta1=0.5: train.0.beta1: only used by optimizer = \"adam\"",
        ),
        (
            &["train.2.final_rate=0.5"],
            "--set train.2.final_rate=0.5: train.2.final_rate: only used by schedule = \"linear\" or \"cosine\"; remove it",
        ),
        (
            &["train.0.clip=-1"],
            "--set train.0.clip=-1: train.0.clip: expected 0 (off) or a number above, found -1",
        ),
        (&["train.0.held_out=0.01", "train.0.patience=2"], "patience = 2"),
        (&["train.2.log_every=16"], "log_every = 16"),
        (&["train.2.on_epoch=echo {epoch} {loss}"], "on_epoch = \"echo {epoch} {loss}\""),
        (
            &["train.1.held_out=0.6"],
            "--set train.1.held_out=0.6: train.1.held_out: expected a share from 0 to 0.5",
        ),
        (
            &["train.1.patience=2"],
            "--set train.1.patience=2: train.1.patience: wants something held out",
        ),
        (&["train.0.schedule=cosin"], "--set … choose \"linear\" or \"cosine\" or \"constant\""),
    ] {
        check(TEMPLATE, layers, expected);
    }
}

#[test]
fn trainers_of_windows_have_some_of_them() {
    let cbow = |key: &str| format!("{MINIMAL}[[train]]\nname = \"x\"\nmodel = \"cbow\"\n{key}");
    check(&cbow("schedule = \"cosine\""), &[], "schedule = \"cosine\"");
    check(&cbow("l2 = 1"), &[], "p.toml:6: train.0.l2: only used by trainers of the matrix");
    check(&cbow("held_out = 0.1\npatience = 3"), &[], "patience = 3");
    check(&cbow("freeze = \"w\""), &[], "freeze = \"w\"");
    check(&cbow("init = { file = \"v.bin\" }"), &[], "init = \"v.bin\"");
    let bad_rows = "init = \"v.vec\"\ninit_bad_rows = \"repair\"";
    check(&cbow(bad_rows), &[], "init_bad_rows = \"repair\"");
    check(
        &cbow("init_bad_rows = \"skip\""),
        &[],
        "p.toml:6: train.0.init_bad_rows: only used with init",
    );
    let second = "[[train]]\nname = \"y\"\ninit = { trainer = \"x\" }";
    check(&cbow(second), &[], "init = { trainer = \"x\" }");
    let wrong = "p.toml:6: train.0.init.trainer: no trainer before this one is called \"y\"";
    check(&cbow("init.trainer = \"y\""), &[], wrong);
    check(&cbow("optimizer = \"adam\""), &[], "p.toml:6: train.0.optimizer: \"adam\" is only for");
}
