//! `wordmill train`: from texts to one file of vectors, with one trainer and without a pipeline.
//!
//! It is a run like others. Its run directory lies beside the output until that is written, so that the same command resumes after an
//! interruption; then it is removed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use wordmill_flow::Progress;
use wordmill_formats::compat::incoming::BadRows;
use wordmill_formats::{DiskStorage, PipelineSource, RunDir, is_stream_out};
use wordmill_pipeline::config::{Config, ConfigError, Sources, one_trainer};
use wordmill_pipeline::{Asked, is_free_for_run, remove_run, texts};
use wordmill_query::{ConvertConfig, ConvertFormat, ExportSpaces, convert};

use super::given::{Files, messages, refuse_same};
use super::run::say_stages;
use crate::args::TrainArgs;
use crate::display::Display;
use crate::log::Level;
use crate::{session, summary};

/// Trains, and writes the vectors.
pub fn run(args: &TrainArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let format = args.format.map_or_else(|| ConvertFormat::of_ending(&args.out), Ok)?;
    let files = Files::to_write(&args.out, BadRows::Refuse);
    format.check(files.storage(), &args.out)?;
    let (mut config, sources) = one_trainer(args.sources(), &args.asked())?;
    config.run.dir = run_dir(args);
    check_places(args, &config)?;
    let dir = RunDir::new(Arc::new(DiskStorage), &config.run.dir);
    let spaces = ExportSpaces::Refuse;
    let form = ConvertConfig { format, rows: files.rows(), spaces };
    let mut out = messages(&args.out, out);
    let storage = files.output(&args.out, format.into())?;
    let done = session::watched(&args.show, "train", |display| {
        train(args, &config, sources, display)?;
        let vectors = dir.vectors(&config.train[0].name);
        convert(&storage, files.scratch(), &form, &vectors, &args.out)?;
        summary::print_results(&dir, &config, &mut out)?;
        let text = format!("result: {}", args.out.display());
        let rest = json!({ "vectors": [args.out], "exit_code": 0 });
        display.tell("result", Level::Info, &text, rest);
        Ok(writeln!(out, "{}", args.out.display())?)
    });
    // Where the output is a pipe, nobody could name the run directory to resume there.
    let is_to_go = done.is_ok() || is_stream_out(&args.out);
    match is_to_go && !args.keep_run && args.run_dir.is_none() {
        true => remove_run(&dir)?,
        false if done.is_ok() => writeln!(out, "run directory: {}", dir.root().display())?,
        false => {}
    }
    done
}

fn train(
    args: &TrainArgs,
    config: &Config,
    sources: Sources,
    display: &Arc<Display>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let ctx = session::context(config, display, None)?;
    let source = PipelineSource { file: None, ..session::source(sources, config) };
    let asked = Asked { until: None, rebuild: args.rebuild, source, kernels: session::kernels()? };
    let done = wordmill_pipeline::run(&ctx, DiskStorage, config, asked)?;
    say_stages(display, &done.manifest, started);
    Ok(())
}

/// Beside the output, or in the folder of the system for temporary files if that is a pipe.
fn run_dir(args: &TrainArgs) -> PathBuf {
    if let Some(dir) = &args.run_dir {
        return dir.clone();
    }
    if is_stream_out(&args.out) {
        return std::env::temp_dir().join(format!("wordmill-train-{}.run", std::process::id()));
    }
    let mut name = args.out.clone().into_os_string();
    name.push(".run");
    name.into()
}

/// Refuses an output that is one of the texts, and a run directory among them or in a folder of something else.
fn check_places(args: &TrainArgs, config: &Config) -> anyhow::Result<()> {
    let run = &config.run.dir;
    if !is_free_for_run(run) {
        let what =
            "there are other files in this folder; name another one for the run: --run-dir DIR";
        return Err(ConfigError::new(run.display(), what).into());
    }
    let parent = std::path::absolute(run)?;
    let parent = parent.parent().and_then(|parent| std::fs::canonicalize(parent).ok());
    for folder in config.corpus.inputs.iter().map(Path::new).filter(|path| path.is_dir()) {
        let folder_is_around = std::fs::canonicalize(folder)
            .is_ok_and(|folder| parent.as_ref().is_some_and(|parent| parent.starts_with(folder)));
        if folder_is_around {
            let what = format!(
                "its run directory {} would be among the texts of {}; write the vectors elsewhere, or add --run-dir DIR",
                run.display(),
                folder.display()
            );
            return Err(ConfigError::new(args.out.display(), what).into());
        }
    }
    // A list that comes through a pipe can be read once.
    if config.corpus.inputs.iter().any(|input| input == "@-") {
        return Ok(());
    }
    for input in texts::inputs(config, &Progress::silent())? {
        refuse_same(Path::new(&input.name), &args.out, "training")?;
    }
    Ok(())
}
