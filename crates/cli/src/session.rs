//! What a command brings to a pipeline: settings from its arguments, kernels, signals, and how progress is shown.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use wordmill_flow::{Budget, Cancel, Context, Progress, format_duration};
use wordmill_formats::PipelineSource;
use wordmill_kernels::Kernels;
use wordmill_pipeline::PROGRAM_BYTES;
use wordmill_pipeline::config::{self, Config, ConfigError, Sources};

use crate::args::{PipelineArgs, ShowArgs};
use crate::display::{Display, ProgressMode};
use crate::exit;
use crate::log::{Level, Log};

/// The settings that a command line asks for.
pub fn config(args: &PipelineArgs) -> Result<Config, ConfigError> {
    Config::load(&args.sources())
}

/// The configuration and the layers that it came from, for the ledger.
pub fn source(sources: Sources, config: &Config) -> PipelineSource {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let absolute = |path: PathBuf| text(std::path::absolute(&path).unwrap_or(path));
    let variables = sources.variables.into_iter().filter(|(name, _)| config::is_setting(name));
    let variables = variables.map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    });
    PipelineSource {
        file: config::pipeline_file(sources.file.as_deref()).map(absolute),
        set: sources.sets,
        seed: sources.seed,
        variables: variables.collect(),
        folder: std::env::current_dir().ok().map(text),
        resolved: Some(config.to_toml()),
    }
}

/// The kernels: the best that the machine has, or those of `WORDMILL_KERNEL`.
pub fn kernels() -> Result<&'static Kernels, ConfigError> {
    let Some(name) = std::env::var_os("WORDMILL_KERNEL") else {
        return Ok(wordmill_kernels::best());
    };
    let name = name.to_string_lossy();
    let known: Vec<&str> = wordmill_kernels::available().iter().map(|level| level.name()).collect();
    let found = name.parse().ok().and_then(wordmill_kernels::at);
    found.ok_or_else(|| {
        let what = format!("this machine has no kernels {name:?}; choose {}", known.join(", "));
        ConfigError::new("WORDMILL_KERNEL", what)
    })
}

/// Does the work of a command that takes long, and shows its begin and its end, whatever that is.
pub fn watched(
    show: &ShowArgs,
    command: &str,
    work: impl FnOnce(&Arc<Display>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let log = show.log.as_deref().map(|path| Log::open(path, show.log_level.into()));
    let display = Arc::new(Display::new(show.progress.into()).with_log(log.transpose()?));
    let program = concat!("wordmill ", env!("CARGO_PKG_VERSION"));
    let process = std::process::id();
    let text = format!("{program}: {command} begins in process {process}");
    let rest = json!({"program": program, "command": command, "process": process});
    display.tell("run_begin", Level::Info, &text, rest);
    let done = work(&display);
    let code = done.as_ref().map_or_else(exit::code, |()| 0);
    if let Some(error) = done.as_ref().err().filter(|_| code != 0) {
        let message = exit::message(error);
        let rest = json!({"message": message, "exit_code": code});
        display.tell("error", Level::Error, &message, rest);
    }
    let seconds = started.elapsed().as_secs_f64();
    let text = format!("{command} ends with code {code} after {}", format_duration(seconds));
    display.tell("run_end", Level::Info, &text, json!({"exit_code": code, "seconds": seconds}));
    match done {
        Err(error) if display.is_json() => Err(error.context(exit::Reported)),
        done => done,
    }
}

/// Progress of commands that show warnings only.
pub fn warnings() -> Progress {
    let display = Display::new(ProgressMode::None);
    Progress::new(move |event| display.show(event))
}

/// Threads, memory, progress, and the signals that ask to stop, as a configuration has them.
pub fn context(
    config: &Config,
    display: &Arc<Display>,
    deadline: Option<Instant>,
) -> anyhow::Result<Context> {
    let (threads, memory_bytes) = (config.run.thread_count(), config.run.memory_bytes);
    context_of((threads, memory_bytes), display, deadline)
}

/// The same for a number of threads and bytes.
pub fn context_of(
    (threads, memory_bytes): (usize, u64),
    display: &Arc<Display>,
    deadline: Option<Instant>,
) -> anyhow::Result<Context> {
    let cancel = Cancel::new(deadline);
    for signal in [SIGTERM, SIGINT] {
        // The first signal asks to stop after the unit in hand; the second ends the program.
        let flag = cancel.flag();
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, flag))
            .context("installing signal handlers")?;
    }
    // A file size limit then is an error of the write, with a message, and not the end.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .context("installing signal handlers")?;
    signal_hook::flag::register(SIGUSR1, display.asked()).context("installing signal handlers")?;
    let budget = Budget::new(memory_bytes);
    let display = Arc::clone(display);
    let progress = Progress::new(move |event| display.show(event));
    budget.set_base(PROGRAM_BYTES);
    Ok(Context { threads, budget, cancel, progress })
}
