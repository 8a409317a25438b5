//! `wordmill plan`: what every stage will need, before anything is written.

use std::io::Write;

use serde_json::json;
use wordmill_flow::{format_bytes, format_duration};
use wordmill_formats::{RunDir, StageRow};

use crate::args::PlanArgs;
use crate::commands::disk;
use crate::session;
use wordmill_flow::Sizes;
use wordmill_pipeline::config::Config;
use wordmill_pipeline::graph::Graph;
use wordmill_pipeline::ledger::Ledger;
use wordmill_pipeline::past::Past;
use wordmill_pipeline::planner::{self, Requirement};
use wordmill_pipeline::stages::GivenFiles;
use wordmill_pipeline::stages::import::{imported_row, is_imported};
use wordmill_pipeline::stages::kind_of_stage;
use wordmill_pipeline::texts;
use wordmill_pipeline::texts::Texts;

/// Prints memory, disk, open files and time of every stage, from a sample of the input.
pub fn run(args: &PlanArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let config = session::config(&args.pipeline)?;
    let dir = RunDir::new(disk(), config.locate(&config.run.dir));
    // Whatever is wrong with the directory is the business of the run.
    let ledger = Ledger::open(&dir, kind_of_stage).ok();
    let past = ledger.as_ref().map_or_else(Past::default, |it| Past::of(it.manifest()));
    let import = ledger.filter(is_imported);
    let imported = import.is_some();
    let texts = if imported {
        Texts::default()
    } else {
        Texts::find(&config, &past, &session::warnings())?
    };
    if !imported {
        texts::check_lists(&config, |stage| past.done(stage).is_some())?;
    }
    let inputs = texts.inputs.as_deref().unwrap_or_default();
    let given = GivenFiles::read(&config, &dir, &past)?;
    let graph = Graph::new(&config, (!imported).then_some(&texts), &given, &past);
    let until = args.until.as_deref().map(|name| graph.last_stage(name)).transpose()?;
    let sizes = match &import {
        Some(ledger) => Some(imported_sizes(imported_row(&dir, ledger)?)),
        None => planner::sizes(&config, inputs)?,
    };
    let Some(sizes) = sizes else {
        if args.json {
            return print_json(&config, None, &[], &[], out);
        }
        writeln!(
            out,
            "nothing can be said in advance of text from a pipe, that is gone, or without words"
        )?;
        return Ok(());
    };
    let pace = planner::pace(config.run.thread_count());
    let mut needs = planner::needs(&config, &graph, sizes, pace);
    planner::cut_after(&mut needs, until);
    let (free, files) = planner::disk_and_files(&config)?;
    let lacks: Vec<String> = needs
        .iter()
        .filter_map(|need| need.lacks(&config, free, files).map(|it| it.to_string()))
        .collect();
    if args.json {
        return print_json(&config, Some(sizes), &needs, &lacks, out);
    }
    match imported {
        true => writeln!(
            out,
            "counts were imported into {}: {} words, {} cells in the matrix\n",
            config.run.dir.display(),
            sizes.words,
            sizes.cells
        )?,
        false => print_sizes(sizes, out)?,
    }
    print_needs(&needs, out)?;
    for lack in lacks {
        writeln!(out, "\n{lack}")?;
    }
    writeln!(out, "\nsettings:\n{}", config.to_toml())?;
    Ok(())
}

fn print_json(
    config: &Config,
    sizes: Option<Sizes>,
    needs: &[Requirement],
    lacks: &[String],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    // Whole bytes, files and words.
    let stage = |need: &Requirement| {
        json!({
            "name": need.stage, "memory_bytes": need.memory_bytes as u64,
            "least_bytes": need.least_bytes as u64, "disk_bytes": need.disk_bytes as u64,
            "files": need.files as u64, "seconds": need.seconds,
        })
    };
    let sizes = sizes.map(|sizes| {
        json!({
            "text_bytes": sizes.bytes as u64, "tokens": sizes.tokens as u64,
            "words": sizes.words as u64, "cells": sizes.cells as u64,
        })
    });
    let stages: Vec<_> = needs.iter().map(stage).collect();
    let all = json!({
        "sizes": sizes, "stages": stages, "lacks": lacks, "settings": config.to_toml(),
    });
    writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    Ok(())
}

/// What an import has counted. The text behind it is not known, but for the counts of its words.
fn imported_sizes(row: &StageRow) -> Sizes {
    let count = |name: &str| row.counts.get(name).copied().unwrap_or(0) as f64;
    Sizes {
        bytes: 0.0,
        lines: 0.0,
        tokens: count("tokens"),
        local_words: 0.0,
        words: count("words"),
        cells: count("cells"),
        cell_growth: 1.0,
        wide_bytes: 0.0,
        unpacking_bytes: [0.0; 2],
        read_seconds: 0.0,
    }
}

fn print_sizes(sizes: Sizes, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "about {} of text, {:.3e} tokens, {:.0} words in the vocabulary, {:.3e} cells in the matrix\n",
        format_bytes(sizes.bytes as u64),
        sizes.tokens,
        sizes.words,
        sizes.cells
    )?;
    Ok(())
}

fn print_needs(needs: &[Requirement], out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{:<16} {:>10} {:>10} {:>10} {:>6} {:>9}",
        "stage", "memory", "at least", "disk", "files", "time"
    )?;
    for need in needs {
        writeln!(
            out,
            "{:<16} {:>10} {:>10} {:>10} {:>6.0} {:>9}",
            need.stage,
            format_bytes(need.memory_bytes as u64),
            format_bytes(need.least_bytes as u64),
            format_bytes(need.disk_bytes as u64),
            need.files,
            format_duration(need.seconds)
        )?;
    }
    let disk = needs.iter().map(|need| need.disk_bytes).fold(0.0, f64::max);
    let time: f64 = needs.iter().map(|need| need.seconds).sum();
    let peak = needs.iter().map(|need| need.memory_bytes).fold(0.0, f64::max);
    writeln!(
        out,
        "{:<16} {:>10} {:>10} {:>10} {:>6} {:>9}",
        "all",
        format_bytes(peak as u64),
        "",
        format_bytes(disk as u64),
        "",
        format_duration(time)
    )?;
    Ok(())
}
