//! The report of a run: one page that needs nothing else, `report/index.html`.
//!
//! `gather` makes plain data of what the run left behind; `page.html`, `page.css` and `page.js` show it, and all of it is
//! put into one file: no network, no font, no library. Where the page shows a part of the data, it says which.

mod gather;

use wordmill_formats::{FormatError, Manifest, Published, RunDir, read_file, write_file, xxh3};
use wordmill_query::EvalReport;

use wordmill_pipeline::config::Config;

const PAGE: &str = include_str!("report/page.html");
const STYLE: &str = include_str!("report/page.css");
const SCRIPT: &str = include_str!("report/page.js");

/// Writes the page of a finished run; `scores` are those of the trainers, in their order.
pub fn write(
    dir: &RunDir,
    manifest: &Manifest,
    config: &Config,
    scores: &[EvalReport],
) -> anyhow::Result<Published> {
    let data = gather::data(dir, manifest, config, scores)?;
    // Inside of a script `<` might begin its end.
    let data = serde_json::to_string(&data)?.replace('<', "\\u003c");
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len() + data.len());
    let mut rest = PAGE;
    for (mark, text) in [("/*STYLE*/", STYLE), ("/*DATA*/", &data), ("/*SCRIPT*/", SCRIPT)] {
        let (before, after) = rest.split_once(mark).expect("the page has its three places");
        page += before;
        page += text;
        rest = after;
    }
    page += rest;
    Ok(write_page(dir, page.as_bytes())?)
}

/// A page that says the same is left as it is.
fn write_page(dir: &RunDir, page: &[u8]) -> Result<Published, FormatError> {
    let path = dir.path("report/index.html");
    match read_file(dir.storage(), &path, page.len() as u64) {
        Ok(old) if old == page => {
            Ok(Published { path, bytes: page.len() as u64, xxh3: xxh3(page) })
        }
        _ => write_file(dir.storage(), &path, page),
    }
}
