//! `wordmill run`: from text to vectors, through every stage that is not done yet.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use wordmill_flow::{format_bytes, format_duration};
use wordmill_formats::{DiskStorage, Manifest};
use wordmill_pipeline::Asked;
use wordmill_pipeline::config::pipeline_file;

use crate::args::RunArgs;
use crate::display::Display;
use crate::{session, summary};

const NO_PIPELINE: &str = "there is no pipeline.toml here: the built-in pipeline trains on the built-in sample; \
`wordmill train TEXT -o vectors.safetensors` trains on a text";

/// Runs the command.
pub fn run(args: &RunArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let started = Instant::now();
    let config = session::config(&args.pipeline)?;
    let kernels = session::kernels()?;
    let display = Arc::new(Display::new(args.progress.into()));
    let is_sample = config.corpus.inputs.iter().all(|input| input.starts_with("builtin:"));
    if is_sample && pipeline_file(args.pipeline.pipeline.as_deref()).is_none() {
        display.say(NO_PIPELINE);
    }
    let deadline = args.max_time.map(|time| started + time);
    let ctx = session::context(&config, &display, deadline)?;
    let source = session::source(args.pipeline.sources(), &config);
    let asked = Asked { until: args.until.clone(), rebuild: args.rebuild, source, kernels };
    let done = wordmill_pipeline::run(&ctx, DiskStorage, &config, asked)?;
    say_stages(&display, &done.manifest, started);
    if args.until.is_none() {
        summary::print(&done.dir, &done.manifest, &config, out)?;
    }
    Ok(())
}

/// A table of the stages: time, memory, what they made and the most that lay on the disk.
pub fn say_stages(display: &Display, manifest: &Manifest, started: Instant) {
    if display.is_silent() {
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
