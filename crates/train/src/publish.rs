//! From stripes to a vectors file: rows in the order of ids, without padding.

use std::collections::BTreeMap;

use wordmill_formats::{Published, RunDir, VectorsWriter, Words};

use crate::engine::{Objective, Plan};
use crate::error::TrainError;
use crate::stripes::Matrix;

/// Writes `vectors/NAME.safetensors`.
pub(crate) fn publish(
    dir: &RunDir,
    plan: &Plan,
    objective: &dyn Objective,
    (rows, columns): (&Matrix, &Matrix),
    words: &impl Words,
    settings: &BTreeMap<String, String>,
) -> Result<Published, TrainError> {
    let path = dir.vectors(&plan.name);
    let mut writer = VectorsWriter::create(dir.storage(), &path, words, rows.dim(), settings)?;
    let name = objective.layout().columns_name;
    for (name, matrix) in [("word_vectors", rows), (name, columns)] {
        writer.matrix(name, u64::from(matrix.rows()), |id, out| {
            out.extend_from_slice(matrix.vector(id as u32));
        })?;
    }
    objective.extras(&mut writer, rows, columns)?;
    Ok(writer.finish(words)?)
}
