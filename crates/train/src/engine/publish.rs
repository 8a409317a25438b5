//! Writes stripes as a vectors file: rows in the order of ids, without padding.

use std::collections::BTreeMap;

use wordmill_formats::{Published, RunDir, VectorsWriter, Words};

use super::model::Model;
use super::pass::Objective;
use super::plan::Plan;
use crate::error::TrainError;
use crate::stripes::MatrixSide;

/// Writes `vectors/NAME.safetensors`.
pub(crate) fn publish(
    dir: &RunDir,
    plan: &Plan,
    objective: &dyn Objective,
    model: &Model,
    words: &impl Words,
    settings: &BTreeMap<String, String>,
) -> Result<Published, TrainError> {
    let path = dir.vectors(&plan.name);
    let mut writer = VectorsWriter::create(dir.storage(), &path, words, model.dim(), settings)?;
    let names = ["word_vectors", objective.layout().columns_name];
    for (side, name) in MatrixSide::ALL.into_iter().zip(names) {
        writer.matrix(name, model.rows(side), |ids, out| model.vectors(side, ids, out))?;
    }
    let biases = [model.biases(MatrixSide::Rows)?, model.biases(MatrixSide::Columns)?];
    objective.extras(&mut writer, biases)?;
    Ok(writer.finish(words)?)
}
