//! What the page shows, as plain data.

use serde_json::{Value, json};
use wordmill_formats::{
    CsrShardReader, FormatError, Manifest, MatrixIndex, RunDir, Vectors, Words,
};
use wordmill_query::{EvalReport, Which, map, nearest_each};
use wordmill_train::{read_metrics, read_rounds};

use wordmill_pipeline::config::Config;

/// Words on the map.
const MAP_WORDS: usize = 400;
/// Words that can be looked up on the page.
const SHOWN_WORDS: usize = 100_000;
/// Words whose neighbours are on the page, and the number of neighbours of each.
const NEIGHBOUR_WORDS: usize = 5000;
const NEIGHBOURS: usize = 8;
/// Points of a learning curve between epochs.
const ROUND_POINTS: usize = 400;
/// Points of a curve over all words.
const CURVE_POINTS: usize = 400;
/// Points of a cloud.
const CLOUD_POINTS: usize = 1500;
const BINS: usize = 48;
/// Cells of the matrix that are read; of a larger one, shards at equal distances.
const CELLS_MAX: u64 = 100_000_000;

/// All of it.
pub fn data(
    dir: &RunDir,
    manifest: &Manifest,
    config: &Config,
    scores: &[EvalReport],
) -> anyhow::Result<Value> {
    let mut trainers = Vec::new();
    let threads = config.run.thread_count();
    for trainer in &config.train {
        let vectors = Vectors::open(dir.storage(), &dir.vectors(&trainer.name))?;
        let mut of = of_vectors(&vectors, threads)?;
        of["name"] = json!(trainer.name);
        of["epochs"] = json!(read_metrics(dir, &trainer.name));
        of["rounds"] = json!(read_rounds(dir, &trainer.name, ROUND_POINTS));
        trainers.push(of);
    }
    let first = config.train.first().map(|trainer| dir.vectors(&trainer.name));
    let vocabulary = match first {
        Some(path) => vocabulary(&Vectors::open(dir.storage(), &path)?),
        None => Value::Null,
    };
    Ok(json!({
        "run": dir.root().display().to_string(),
        "program": manifest.program,
        "stages": stages(manifest),
        "vocabulary": vocabulary,
        "matrix": matrix(dir)?,
        "trainers": trainers,
        "scores": scores,
    }))
}

fn stages(manifest: &Manifest) -> Vec<Value> {
    let row = |row: &wordmill_formats::StageRow| {
        let bytes: u64 = row.outputs.iter().map(|output| output.bytes).sum();
        json!({
            "name": row.name,
            "seconds": row.seconds,
            "peak_bytes": row.peak_bytes,
            "peak_disk_bytes": row.peak_disk_bytes,
            "bytes": row.counts.get("bytes").filter(|_| bytes == 0).copied().unwrap_or(bytes),
            "files": row.outputs.len(),
            "counts": row.counts,
            "settings": row.settings.iter().filter(|(key, _)| !key.starts_with("input.")).collect::<Vec<_>>(),
        })
    };
    manifest.stages.iter().map(row).collect()
}

/// Ranks that are evenly spread on a logarithmic axis, each once.
fn ranks(words: usize, points: usize) -> Vec<usize> {
    let last = (words.max(2) as f64).ln();
    let at = |point: usize| (last * point as f64 / points as f64).exp() as usize - 1;
    let mut ranks: Vec<usize> = (0..=points).map(at).filter(|&rank| rank < words).collect();
    ranks.dedup();
    ranks
}

fn vocabulary(vectors: &Vectors) -> Value {
    let words = vectors.words();
    let counts = words.counts();
    let curve: Vec<Value> = ranks(counts.len(), CURVE_POINTS)
        .into_iter()
        .map(|rank| json!([rank + 1, counts[rank]]))
        .collect();
    let shown = words.len().min(SHOWN_WORDS);
    let text: Vec<String> = (0..shown).map(|id| words.text(id).into_owned()).collect();
    let total: u64 = counts.iter().sum();
    json!({
        "words": counts.len(),
        "tokens": total,
        "curve": curve,
        "shown": text,
        "counts": counts[..shown],
    })
}

/// The number of cells with a weight of 2ⁿ up to 2ⁿ⁺¹, n from -10 on.
fn matrix(dir: &RunDir) -> anyhow::Result<Value> {
    let path = dir.matrix_index();
    if dir.storage().size(&path).ok().flatten().is_none() {
        return Ok(Value::Null);
    }
    let index = MatrixIndex::read(dir.storage(), &path)?;
    let every = index.cells.div_ceil(CELLS_MAX).max(1) as usize;
    let mut bins = [0u64; BINS];
    let (mut seen, unit) = (0u64, index.unit.max(1) as f64);
    for shard in index.shards.iter().step_by(every) {
        let reader = CsrShardReader::open(dir.storage(), &dir.path("matrix").join(&shard.file))?;
        reader.for_each_piece(|_, _, weights| {
            for &weight in weights {
                let power = (weight as f64 / unit).log2().floor() as i64 + 10;
                bins[power.clamp(0, BINS as i64 - 1) as usize] += 1;
            }
            seen += weights.len() as u64;
            Ok::<_, FormatError>(())
        })?;
    }
    let filled = bins.iter().enumerate().filter(|(_, count)| **count > 0);
    let bins: Vec<Value> = filled.map(|(bin, count)| json!([bin as i64 - 10, count])).collect();
    let weight = index.weight as f64 / unit;
    Ok(
        json!({"words": index.words, "cells": index.cells, "weight": weight, "seen": seen, "bins": bins}),
    )
}

fn of_vectors(vectors: &Vectors, threads: usize) -> anyhow::Result<Value> {
    let words = vectors.words().len();
    let stored = vectors.word_norms();
    let norm = |id: usize| match stored {
        Some(norms) => f64::from(norms[id]),
        None => {
            let row = vectors.word_vector(id).iter();
            row.map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
        }
    };
    let step = words.div_ceil(200_000).max(1);
    let norms: Vec<f64> = (0..words).step_by(step).map(norm).collect();
    let most = norms.iter().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let mut histogram = vec![0u64; BINS];
    for norm in &norms {
        histogram[((norm / most * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    let counts = vectors.words().counts();
    let round = |x: f64| (x * 1e4).round() / 1e4;
    let cloud: Vec<Value> = ranks(words, CLOUD_POINTS)
        .into_iter()
        .map(|id| json!([counts[id], round(norm(id)), vectors.words().text(id)]))
        .collect();
    let asked: Vec<usize> = (0..words.min(NEIGHBOUR_WORDS)).collect();
    let near = nearest_each(vectors, Which::Word, &asked, NEIGHBOURS, threads)?;
    let near: Vec<Vec<Value>> = near
        .into_iter()
        .map(|found| {
            let answer = |(id, score): (usize, f32)| {
                let score = (f64::from(score) * 1e3).round() / 1e3;
                // A word of the page is named by its number.
                let is_shown = id < SHOWN_WORDS;
                json!([if is_shown { json!(id) } else { json!(vectors.words().text(id)) }, score])
            };
            found.into_iter().map(answer).collect()
        })
        .collect();
    let places = map(vectors, MAP_WORDS)?;
    let plain = |points: Vec<[f64; 2]>| -> Vec<[f64; 2]> {
        points.into_iter().map(|[x, y]| [round(x), round(y)]).collect()
    };
    Ok(json!({
        "dim": vectors.dim(),
        "words": words,
        "model": vectors.settings().get("model"),
        "objective": vectors.settings().get("objective"),
        "norm_most": most,
        "norms": histogram,
        "cloud": cloud,
        "neighbours": near,
        "pca": plain(places.pca),
        "tsne": plain(places.tsne),
    }))
}
