//! `wordmill --version --verbose`: what this build is, and what it makes of this machine.

use std::env::consts::{ARCH, OS};

use wordmill_pipeline::config::threads_or_all;

/// A line for each fact.
pub fn text() -> String {
    let all: Vec<&str> = wordmill_kernels::available().iter().map(|level| level.name()).collect();
    format!(
        "wordmill {}\nfeatures: {}\ntarget: {ARCH}-{OS}-{}\nkernels: {} (of {})\nthreads: {}\n",
        env!("CARGO_PKG_VERSION"),
        features(),
        if cfg!(target_env = "musl") { "musl" } else { "gnu" },
        wordmill_kernels::best().level(),
        all.join(", "),
        threads_or_all(0)
    )
}

/// The features that this build has.
pub fn features() -> String {
    let built = wordmill_text::FEATURES.iter().filter(|(_, is_built)| *is_built);
    let names: Vec<&str> = built.map(|(name, _)| *name).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
