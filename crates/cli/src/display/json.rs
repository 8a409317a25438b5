//! Events as JSON, one object a line. `docs/reference/json.md` describes each of them; programs rely on their names.

use serde_json::{Map, Value, json};
use wordmill_flow::{Event, Work};

use crate::clock;

/// An object with the type, the time, the stage, and what the type has besides.
pub fn object(kind: &str, stage: Option<&str>, rest: Value) -> Value {
    let mut all = Map::new();
    all.insert("type".into(), kind.into());
    all.insert("time".into(), clock::now().into());
    all.insert("stage".into(), stage.into());
    if let Value::Object(rest) = rest {
        all.extend(rest);
    }
    all.into()
}

/// The object of an event in a stage.
pub fn of_event(event: &Event, stage: Option<&str>) -> Option<Value> {
    let message = |kind, text: &str| object(kind, stage, json!({ "message": text }));
    Some(match event {
        Event::Message(text) => message("message", text),
        Event::Warning(text) => message("warning", text),
        Event::Detail(text) => message("detail", text),
        Event::Output(text) => message("output", text),
        Event::StageBegan { stage } => object("stage_begin", Some(stage), Value::Null),
        Event::StageEnded { stage, seconds, is_done } => {
            let state = if *is_done { "done" } else { "partial" };
            let rest = json!({ "state": state, "seconds": seconds });
            object("stage_end", Some(stage), rest)
        }
        Event::Epoch { stage, row } => object("metrics", Some(stage), json!(row)),
        Event::Started(work) | Event::Working(work) => progress(work, stage, false),
        Event::Ended(work) => progress(work, stage, true),
        _ => return None,
    })
}

fn progress(work: &Work, stage: Option<&str>, has_ended: bool) -> Value {
    let rest = json!({
        "work": work.stage, "unit": work.unit, "done": work.done,
        "total": work.is_total_known.then_some(work.total),
        "rate": work.rate, "eta_s": work.seconds_left, "seconds": work.seconds,
        "rss_bytes": work.resident_bytes, "loss": work.loss, "ended": has_ended,
    });
    object("progress", stage, rest)
}
