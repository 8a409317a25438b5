//! `wordmill run`: from text to vectors, through every stage that is not done yet.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use wordmill_flow::{format_bytes, format_duration};
use wordmill_formats::{DiskStorage, Manifest};
use wordmill_pipeline::config::pipeline_file;
use wordmill_pipeline::{Asked, Finished};

use crate::args::RunArgs;
use crate::display::Display;
use crate::log::Level;
use crate::{session, summary};

const NO_PIPELINE: &str = "there is no pipeline.toml here: the built-in pipeline trains on the built-in sample; \
`wordmill train TEXT -o vectors.safetensors` trains on a text";

/// Runs the command.
pub fn run(args: &RunArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    session::watched(&args.show, "run", |display| run_shown(args, display, out))
}

fn run_shown(args: &RunArgs, display: &Arc<Display>, out: &mut dyn Write) -> anyhow::Result<()> {
    let started = Instant::now();
    let config = session::config(&args.pipeline)?;
    let kernels = session::kernels()?;
    let is_sample = config.corpus.inputs.iter().all(|input| input.starts_with("builtin:"));
    if is_sample && pipeline_file(args.pipeline.pipeline.as_deref()).is_none() {
        display.say(NO_PIPELINE);
    }
    let deadline = args.max_time.map(|time| started + time);
    let ctx = session::context(&config, display, deadline)?;
    ctx.progress.detail(|| {
        let (threads, level) = (ctx.threads, kernels.level());
        format!("{threads} threads, kernels {level}, settings:\n{}", config.to_toml())
    });
    let source = session::source(args.pipeline.sources(), &config);
    let asked = Asked { until: args.until.clone(), rebuild: args.rebuild, source, kernels };
    let done = wordmill_pipeline::run(&ctx, DiskStorage, &config, asked)?;
    say_stages(display, &done.manifest, started);
    let report = match args.until {
        Some(_) => None,
        None => Some(summary::print(&done.dir, &done.manifest, &config, out)?),
    };
    tell_result(display, &done, report.as_deref());
    Ok(())
}

/// The event with the paths of the results: those of the trainers that are done, and the report if it was written.
fn tell_result(display: &Display, done: &Finished, report: Option<&Path>) {
    let names = done.manifest.stages.iter().filter(|row| row.is_settled());
    let names = names.filter_map(|row| row.name.strip_prefix("train:"));
    let vectors: Vec<_> = names.map(|name| done.dir.vectors(name)).collect();
    let text = format!("results: {vectors:?}, report {report:?}");
    let rest = json!({
        "run_dir": done.dir.root(), "vectors": vectors, "report": report, "exit_code": 0,
    });
    display.tell("result", Level::Info, &text, rest);
}

/// A table of the stages: time, memory, what they made and the most that lay on the disk.
pub fn say_stages(display: &Display, manifest: &Manifest, started: Instant) {
    if !display.shows_tables() {
        return;
    }
    let head = ["time", "memory", "made", "B/cell", "disk peak"];
    let line = |name: &str, columns: [String; 5]| {
        let columns: Vec<String> = columns.iter().map(|text| format!("{text:>10}")).collect();
        format!("{name:<16}{}\n", columns.join(" "))
    };
    let mut text = line("stage", head.map(str::to_owned));
    for row in &manifest.stages {
        let listed: u64 = row.outputs.iter().map(|output| output.bytes).sum();
        // Spill runs are counted, not listed: they go when they are merged.
        let bytes = row.counts.get("bytes").filter(|_| listed == 0).copied().unwrap_or(listed);
        let a_cell = row.counts.get("cells").filter(|cells| **cells > 0);
        let columns = [
            format_duration(row.seconds),
            format_bytes(row.peak_bytes),
            format_bytes(bytes),
            a_cell.map_or("".into(), |cells| format!("{:.2}", bytes as f64 / *cells as f64)),
            format_bytes(row.peak_disk_bytes),
        ];
        text += &line(&row.name, columns);
    }
    text += &format!("this run took {}", format_duration(started.elapsed().as_secs_f64()));
    display.say(&text);
}
