//! A bar in one line of a terminal: the narrower it is, the less it says. It never wraps, and no number is cut.

use wordmill_flow::{Work, format_bytes, format_duration};

/// Columns for the name of the work, so that bars align.
const NAME: usize = 12;
/// A bar with fewer columns says nothing.
const BAR_MIN: usize = 8;
const BAR_MAX: usize = 40;

/// The line of some work on a terminal of this many columns.
pub fn line(work: &Work, columns: usize, has_ended: bool) -> String {
    // Terminals differ in what they do after the last column.
    let room = columns.saturating_sub(1);
    let facts = facts(work, has_ended);
    let name = format!("{:<NAME$}", work.stage);
    let known = work.is_total_known;
    let bar_min = if known { BAR_MIN + 1 } else { 0 };
    let fitting = |room: usize, least: usize| {
        let texts = (least..=facts.len()).rev().map(|some| joined(&facts, some));
        texts.into_iter().find(|text| width(text) <= room)
    };
    if let Some(text) = fitting(room.saturating_sub(width(&name) + 1 + bar_min), 2) {
        let rest = room - width(&name) - width(&text) - 1;
        let bar = if known { bar(work, (rest - 1).min(BAR_MAX)) + " " } else { String::new() };
        return format!("{name} {bar}{text}");
    }
    if let Some(text) = fitting(room.saturating_sub(width(&work.stage) + 1), 1) {
        return format!("{} {text}", work.stage);
    }
    fitting(room, 1).unwrap_or_default()
}

/// What there is to say, the most important first, each with its place in the line.
fn facts(work: &Work, has_ended: bool) -> Vec<(u8, String)> {
    let Work { done, total, unit, rate, seconds, .. } = *work;
    let mut facts = Vec::new();
    if work.is_total_known {
        facts.push((0, format!("{:>3}%", u128::from(done) * 100 / u128::from(total.max(1)))));
    }
    let all = if total > done { format!("/{}", short(total as f64)) } else { String::new() };
    facts.push((1, format!("{}{all} {unit}", short(done as f64))));
    match work.seconds_left {
        _ if has_ended => facts.push((3, format!("in {}", format_duration(seconds)))),
        Some(left) => facts.push((3, format!("{} left", format_duration(left)))),
        None => {}
    }
    if let Some(loss) = work.loss {
        facts.push((4, format!("loss {loss:.4}")));
    }
    facts.push((2, format!("{}/s", short(rate))));
    facts.push((5, format_bytes(work.resident_bytes)));
    facts
}

/// The first `some` facts, in the order of their places.
fn joined(facts: &[(u8, String)], some: usize) -> String {
    let mut facts: Vec<_> = facts[..some].iter().collect();
    facts.sort_by_key(|(place, _)| *place);
    let mut text = String::new();
    for (place, fact) in facts {
        text += match (text.is_empty(), place) {
            (true, _) => "",
            (_, 1) => " ",
            _ => ", ",
        };
        text += fact;
    }
    text
}

fn bar(work: &Work, columns: usize) -> String {
    let full = (u128::from(work.done) * columns as u128 / u128::from(work.total.max(1))) as usize;
    "█".repeat(full) + &"░".repeat(columns - full)
}

/// Columns: names of trainers may be written in any script, which take one or two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if u32::from(c) >= 0x1100 && !"█░…".contains(c) { 2 } else { 1 }).sum()
}

/// `12.3M`, `450k`, `17`.
pub fn short(value: f64) -> String {
    for (limit, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value >= limit {
            return format!("{:.1}{suffix}", value / limit);
        }
    }
    format!("{value:.0}")
}
