//! What a pipeline will need, from a sample of its text: sizes first, then the stages' needs.

mod pace;
mod sample;

pub use pace::pace;

use wordmill_cooccur as cooccur;
use wordmill_flow::{Room, Sizes, format_bytes};
use wordmill_formats::{FormatError, free_bytes, open_file_limit};
use wordmill_text::{Input, greediest, unpack_first};
use wordmill_vocab::VocabError;

use crate::config::Config;
use crate::error::{DoesNotFit, Error};
use crate::graph::Graph;
use crate::memory::PROGRAM_BYTES;
use crate::outlook::Outlook;

/// What a stage of a run needs.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// The stage.
    pub stage: String,
    /// Memory that it cannot do without, in bytes.
    pub least_bytes: f64,
    /// Memory that it will take, given the budget.
    pub memory_bytes: f64,
    /// The most that the files of the run take while it runs, in bytes.
    pub disk_bytes: f64,
    /// Files open at once.
    pub files: f64,
    /// Seconds.
    pub seconds: f64,
}

/// Text that is looked at for an estimate: half a second's work.
const SAMPLE_BYTES: u64 = 32 << 20;
/// Text that is looked at to see whether there is any doubt, and what is beyond doubt even then.
const GLANCE_BYTES: u64 = 2 << 20;
const GLANCE_DOUBT: f64 = 4.0;

/// Estimates the sizes from a sample of the inputs; `None` where there is only a pipe.
pub fn sizes(config: &Config, inputs: &[Input]) -> Result<Option<Sizes>, VocabError> {
    sample::sizes(config, inputs, SAMPLE_BYTES)
}

/// Leaves out the stages after `until`.
pub fn cut_after(needs: &mut Vec<Requirement>, until: Option<&str>) {
    if let Some(last) = until.and_then(|last| needs.iter().position(|need| need.stage == last)) {
        needs.truncate(last + 1);
    }
}

/// What the pipeline up to stage `until` surely lacks, with the disk and the open files that there are;
/// `None` if it may be done. Costs little where there is plenty of everything.
pub fn lack(
    config: &Config,
    graph: &Graph,
    inputs: &[Input],
    until: Option<&str>,
) -> Result<Option<DoesNotFit>, Error> {
    let (free_bytes, files) = disk_and_files(config)?;
    let find = |sizes, doubt| {
        let mut needs = needs(config, graph, sizes, 1.0);
        cut_after(&mut needs, until);
        needs.iter().find_map(|need| need.times(doubt).lacks(config, free_bytes, files))
    };
    if let Some(lack) = unpacking_lack(config, inputs) {
        return Ok(Some(lack));
    }
    let glance = sample::sizes(config, inputs, GLANCE_BYTES)?;
    match glance.and_then(|sizes| find(sizes, GLANCE_DOUBT)) {
        Some(_) => Ok(sizes(config, inputs)?.and_then(|sizes| find(sizes, 1.0 / DOUBT))),
        None => Ok(None),
    }
}

/// What unpacking lacks where one file alone takes more memory than there is.
pub fn unpacking_lack(config: &Config, inputs: &[Input]) -> Option<DoesNotFit> {
    let (input, bytes) = greediest(inputs)?;
    let (memory, chunks) =
        (config.run.memory_bytes, 10 * config.corpus.lines.chunk_bytes + PROGRAM_BYTES);
    if bytes + chunks <= memory || chunks > memory {
        return None;
    }
    let (name, window) = (&input.name, format_bytes(bytes));
    let (memory, needed) = (format_bytes(memory), format_bytes(bytes + chunks));
    Some(DoesNotFit::new(format!(
        "{name}: unpacking: its window takes {window} of memory, run.memory is {memory}; raise it (--memory) to at least {needed}{}",
        unpack_first(input)
    )))
}

/// Bytes that the run directory's disk has to spare, and files that may be open at once.
pub fn disk_and_files(config: &Config) -> Result<(f64, f64), FormatError> {
    let free = free_bytes(&config.locate(&config.run.dir))?;
    Ok((free as f64, open_file_limit().map_or(f64::INFINITY, |limit| limit as f64)))
}

/// Refuses a pipeline that has not begun and cannot end, before it begins.
pub fn refuse_what_cannot_fit(
    config: &Config,
    graph: &Graph,
    inputs: &[Input],
    until: Option<&str>,
) -> Result<(), Error> {
    match lack(config, graph, inputs, until)? {
        Some(lack) => Err(lack.into()),
        None => Ok(()),
    }
}

/// How far an estimate may be above the truth: what fits with so much less is let through, and the
/// stage itself says exactly what it lacks.
const DOUBT: f64 = 1.25;
/// What always helps.
const FEWER_WORDS: &str = "raise vocabulary.min_count or set vocabulary.max_size";

fn reads_text(config: &Config, name: &str) -> bool {
    config.train.iter().any(|it| it.name == name && it.trainer.reads_text())
}

impl Requirement {
    /// What the stage lacks, and which setting would help; `None` if it fits.
    pub fn lacks(&self, config: &Config, free_bytes: f64, files: f64) -> Option<DoesNotFit> {
        let text = |bytes: f64| format_bytes(bytes as u64);
        let (who, way_out) = match self.stage.as_str() {
            "tokenize" => ("tokenizing".to_owned(), "lower corpus.chunk_bytes".to_owned()),
            stage => match stage.strip_prefix("train:") {
                Some(name) if reads_text(config, name) => (
                    format!("the model of {name} with its readers"),
                    format!("lower train.dim of {name}, {FEWER_WORDS}"),
                ),
                Some(name) => (
                    format!("the model of {name}, three stripes of it at a time,"),
                    format!("raise tiles.grid, lower train.dim of {name}, {FEWER_WORDS}"),
                ),
                None => (format!("the stage {stage}"), FEWER_WORDS.to_owned()),
            },
        };
        let memory = config.run.memory_bytes as f64;
        if self.least_bytes > memory {
            return Some(DoesNotFit::new(format!(
                "{who} needs about {} of memory, run.memory is {}; raise it (--memory) to at \
                 least that, or {way_out}",
                text(self.least_bytes),
                text(memory)
            )));
        }
        if self.disk_bytes > free_bytes {
            return Some(DoesNotFit::new(format!(
                "{}: {who} will bring the files here to about {}, {} are free; free some space, \
                 put run.dir (--run-dir) on a larger disk, lower cooccur.window or raise \
                 vocabulary.min_count",
                config.run.dir.display(),
                text(self.disk_bytes),
                text(free_bytes)
            )));
        }
        (self.files > files).then(|| {
            DoesNotFit::new(format!(
                "{who} will hold about {:.0} files open, the limit is {files:.0}; raise it \
                 (ulimit -n) or lower run.threads (--threads)",
                self.files
            ))
        })
    }

    /// The same if the estimate of what grows with the text is off by a factor.
    fn times(&self, factor: f64) -> Self {
        let fixed = PROGRAM_BYTES as f64;
        Self {
            least_bytes: (self.least_bytes - fixed).max(0.0) * factor + fixed,
            disk_bytes: self.disk_bytes * factor,
            ..self.clone()
        }
    }
}

/// Resident memory of the program when it begins.
const FRESH_BYTES: f64 = 6e6;
/// What it keeps once it has read text, be it at the glance before the first stage.
const USED_BYTES: f64 = 20e6;

/// What every stage of a graph needs, where work takes `pace` times what it took on the machine on which costs
/// were measured.
#[must_use]
pub fn needs(config: &Config, graph: &Graph, sizes: Sizes, pace: f64) -> Vec<Requirement> {
    let threads = config.run.thread_count();
    let bytes = config.run.memory_bytes.saturating_sub(PROGRAM_BYTES);
    let room = Room { bytes, threads: threads as u64 };
    let mut outlook = Outlook { config, sizes, room };
    if sizes.bytes > 0.0 {
        outlook.sizes.cells *= cooccur::need::cells_factor(&config.cooccur, sizes.tokens as u64);
    }
    let (mut rows, mut disk_bytes) = (Vec::new(), 0.0);
    let program_bytes = if sizes.bytes > 0.0 { USED_BYTES } else { FRESH_BYTES };
    for stage in graph.stages() {
        let need = stage.need(&outlook);
        rows.push(Requirement {
            stage: stage.listed().name.clone(),
            least_bytes: PROGRAM_BYTES as f64 + need.least_bytes,
            memory_bytes: program_bytes + need.memory_bytes,
            disk_bytes: disk_bytes + need.scratch_bytes,
            files: 5.0 + need.files,
            seconds: need.core_seconds * pace / threads as f64 + need.wait_seconds,
        });
        disk_bytes += need.left_bytes;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_sample_is_estimated_within_a_quarter() {
        let sets = vec!["corpus.inputs=[\"builtin:sample:24MB\"]".to_owned()];
        let sources = crate::config::Sources { sets, ..Default::default() };
        let config = Config::load(&sources).unwrap();
        let inputs = crate::texts::inputs(&config, &wordmill_flow::Progress::silent()).unwrap();
        let sizes = sizes(&config, &inputs).unwrap().unwrap();
        // What a run over it counts.
        let near = |estimate: f64, counted: f64| (estimate / counted - 1.0).abs() < 0.25;
        assert!(near(sizes.tokens, 4.16e6), "{sizes:?}");
        assert!(near(sizes.words, 6473.0), "{sizes:?}");
        assert!(near(sizes.cells, 1.4e6), "{sizes:?}");
    }
}
