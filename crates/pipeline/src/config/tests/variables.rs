//! Tests of settings in the environment: what is one, and what only looks like one.

use super::*;

/// `WORDMILL_PYTHON`, which names a program for tests, was taken for a setting and broke every command.
#[test]
fn variables_of_others_were_taken_for_settings() {
    let others = ["WORDMILL_PYTHON=python3", "WORDMILL_CHROMIUM=c", "WORDMILL_RUN_HOME=/x"];
    let more = ["WORDMILL_=1", "WORDMILL_TRAIN_SCRIPT=a", "WORDMILL_TRAIN_0=b"];
    let layers: Vec<&str> = others.into_iter().chain(more).chain(["cooccur.window=7"]).collect();
    check(MINIMAL, &layers, "window = 7");
}

#[test]
fn every_setting_in_its_old_spelling_names_the_new_one() {
    let config = resolve(TEMPLATE, &[]).unwrap();
    let sections = ["run", "corpus", "phrases", "vocabulary", "cooccur", "tiles", "eval"];
    let of_sections = sections.into_iter().flat_map(|section| {
        let keys = config.settings_of(section).into_keys();
        keys.map(move |key| (section.to_owned(), section.to_owned(), key))
    });
    let of_trainers = config.train.iter().zip(0..).flat_map(|(trainer, number)| {
        let keys = config.settings_of(&format!("train.{}", trainer.name)).into_keys();
        keys.map(move |key| (format!("train_{number}"), format!("train__{number}"), key))
    });
    let mut tried = 0;
    for (old, new, key) in of_sections.chain(of_trainers) {
        let upper = |text: String| text.to_ascii_uppercase();
        let (old, new) =
            (upper(format!("wordmill_{old}_{key}")), upper(format!("wordmill__{new}__{key}")));
        let error = resolve(TEMPLATE, &[&format!("{old}=1")]).unwrap_err().to_string();
        assert!(error.contains(&old) && error.ends_with(&new), "{error}");
        tried += 1;
    }
    assert!(tried > 60, "{tried} keys");
}
