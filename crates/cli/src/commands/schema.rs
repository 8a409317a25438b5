//! `wordmill schema`: the JSON schema of pipeline.toml.

use std::io::Write;

use wordmill_pipeline::config::schema;

/// Prints the schema.
pub fn run(out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", serde_json::to_string_pretty(&schema())?)?;
    Ok(())
}
