//! `wordmill train`: from texts to one file of vectors, with one trainer and without a pipeline.
//!
//! It is a run like others. Its run directory lies beside the output until that is written, so that the same command resumes after an
//! interruption; then it is removed.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use wordmill_formats::compat::incoming::BadRows;
use wordmill_formats::{DiskStorage, PipelineSource, RunDir, is_stream_out};
use wordmill_pipeline::config::{Config, Sources, one_trainer};
use wordmill_pipeline::{Asked, check_place, remove_run};
use wordmill_query::{ConvertConfig, ConvertFormat, ExportSpaces, convert};

use super::given::{Files, messages};
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
    check_place(&config, &args.out)?;
    let dir = RunDir::new(Arc::new(DiskStorage), &config.run.dir);
    let form = ConvertConfig { format, rows: files.rows(), spaces: ExportSpaces::Refuse };
    let mut out = messages(&args.out, out);
    let storage = files.output(&args.out, format.into())?;
    let done = session::watched(&args.show, "train", |display| {
        train(args, &config, sources, display)?;
        let vectors = dir.vectors(&config.train[0].name);
        convert(&storage, files.scratch(), &form, &vectors, &args.out)?;
        summary::print_results(&dir, &config, &mut out)?;
        let text = format!("result: {}", args.out.display());
        let rest = json!({
            "run_dir": null, "vectors": [args.out], "report": null, "exit_code": 0,
        });
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
