//! The JSON schema.

use serde_json::{Map, Value as Json, json};
use wordmill_train::{CellsLoss, PairLoss};

use super::parts::{Documented, Part, parts, sentence};
use crate::config::keys::schema_of;

/// The JSON schema of `pipeline.toml` (draft 2020-12), for editors and other programs.
#[must_use]
pub fn schema() -> Json {
    let object = |part: &Part| {
        let property = |Documented { key, of }: &Documented| {
            let mut schema = key.schema.clone();
            if let Some(object) = schema.as_object_mut() {
                object.insert("description".to_owned(), sentence(key, of).into());
            }
            (key.name.to_owned(), schema)
        };
        let mut properties: Map<String, Json> = part.keys.iter().map(property).collect();
        if let Some(loss) = properties.get_mut("loss") {
            let named =
                json!([schema_of::<PairLoss>(), schema_of::<CellsLoss>(), { "type": "string" }]);
            *loss = json!({ "description": loss["description"], "anyOf": named });
        }
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    };
    let section = |part: &Part| match part.name {
        "train" => json!({ "type": "array", "items": object(part) }),
        _ => object(part),
    };
    let sections: Map<String, Json> =
        parts().iter().map(|part| (part.name.to_owned(), section(part))).collect();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pipeline.toml",
        "description": "What `wordmill run` does.",
        "type": "object",
        "properties": sections,
        "additionalProperties": false,
        "required": ["corpus"],
    });
    remove_ours(&mut schema);
    schema
}

/// Removes what only this program understands.
fn remove_ours(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            object.retain(|key, _| !key.starts_with("x-"));
            if object.get("type").is_some_and(|kind| kind == "string") {
                // The bounds of a size, which a schema cannot compare.
                object.retain(|key, _| !["minimum", "maximum"].contains(&key.as_str()));
            }
            object.values_mut().for_each(remove_ours);
        }
        Json::Array(list) => list.iter_mut().for_each(remove_ours),
        _ => {}
    }
}
