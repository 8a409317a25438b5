//! What a type says of its settings, read from its JSON schema: names, documentation, kinds, ranges, defaults.
//!
//! A *key* is a field of a struct, or of a variant of an enum that has a tag. Its documentation comment becomes the comment of the
//! template and the text of the reference; attributes of `schemars` say what a value may be:
//!
//! | attribute | meaning |
//! |---|---|
//! | `range(min = …, max = …)` | the least and the greatest value |
//! | `extend("exclusiveMinimum" = …)`, `extend("exclusiveMaximum" = …)` | the same, the bound itself excluded |
//! | `extend("x-expected" = "…")` | how a message calls the numbers that are allowed |
//! | `extend("x-kind" = "size" \| "seconds")` | what a text means |
//! | `extend("x-unset" = "…")` | what holds where the key is not written, if it has no default of its own |

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// A setting.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// Its name in a section.
    pub name: &'static str,
    /// Its documentation, paragraphs parted by blank lines.
    pub doc: String,
    /// What its values are.
    pub kind: Kind,
    /// Its schema.
    pub schema: Value,
}

/// What values a setting has.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Whole numbers.
    Whole { least: u64, most: u64 },
    /// Numbers.
    Real(Reals),
    /// A number or a list of numbers.
    Reals,
    /// `true` or `false`.
    Flag,
    /// A text.
    Text,
    /// A file; an empty text is none.
    Path,
    /// A list of texts.
    Texts,
    /// Bytes, as a number or as text such as `1GiB`.
    Size { least: u64, most: u64 },
    /// Text such as `30s`.
    Seconds,
    /// One of these names.
    Choice(Vec<Name>),
    /// Whatever the type reads.
    Other,
}

/// Numbers that are allowed.
#[derive(Clone, Debug)]
pub(crate) struct Reals {
    /// How a message calls them.
    pub expected: String,
    least: f64,
    most: f64,
    above: f64,
    below: f64,
}

/// A name of a choice.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    /// As it is written.
    pub name: &'static str,
    /// Its documentation.
    pub doc: String,
}

/// A variant of an enum that has a tag.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    /// Its name, the value of the tag.
    pub name: Name,
    /// The keys that it has beside the tag.
    pub keys: Vec<Key>,
}

impl Reals {
    /// Whether a number is allowed.
    pub fn has(&self, number: f64) -> bool {
        (self.least..=self.most).contains(&number) && number > self.above && number < self.below
    }
}

/// The keys of a struct, in the order of its fields.
pub(crate) fn keys_of<T: JsonSchema + 'static>() -> Arc<[Key]> {
    cached::<T, _>(|schema| keys(&schema))
}

/// The variants of an enum with a tag, in their order.
pub(crate) fn variants_of<T: JsonSchema + 'static>(tag: &str) -> Arc<[Variant]> {
    cached::<T, _>(|schema| {
        let variants = schema.get("oneOf").and_then(Value::as_array);
        let variant = |schema: &Value| {
            let name = schema.pointer(&format!("/properties/{tag}/const"));
            let name = name.and_then(Value::as_str).expect("each variant has the tag");
            let name = Name { name: kept(name), doc: doc_of(schema) };
            let mut keys = keys(schema);
            keys.retain(|key| key.name != tag);
            Variant { name, keys }
        };
        variants.expect("an enum has variants").iter().map(variant).collect()
    })
}

/// The names of a choice.
pub(crate) fn names_of<T: JsonSchema + 'static>() -> Arc<[Name]> {
    cached::<T, _>(|schema| names(&schema).expect("a choice has names"))
}

/// The schema of a type with all that it refers to in it.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::default().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
        object.remove("title");
    }
    schema
}

/// Computes what is read of a schema once a type: configurations are read thousands of times in tests.
fn cached<T: JsonSchema + 'static, K: Clone + Send + Sync + 'static>(
    of: impl Fn(Value) -> Vec<K>,
) -> Arc<[K]> {
    type Cache = Mutex<HashMap<(TypeId, TypeId), Arc<dyn std::any::Any + Send + Sync>>>;
    static CACHE: OnceLock<Cache> = OnceLock::new();
    let cache = CACHE.get_or_init(Mutex::default);
    let id = (TypeId::of::<T>(), TypeId::of::<K>());
    let found = cache.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
    if let Some(known) = found.and_then(|known| known.downcast::<Arc<[K]>>().ok()) {
        return Arc::clone(&known);
    }
    let made: Arc<[K]> = of(schema_of::<T>()).into();
    let entry: Arc<dyn std::any::Any + Send + Sync> = Arc::new(Arc::clone(&made));
    cache.lock().unwrap_or_else(PoisonError::into_inner).insert(id, entry);
    made
}

/// Names of settings live as long as the program: there are a few hundred.
fn kept(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}

fn keys(schema: &Value) -> Vec<Key> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let key = |(name, schema): (&String, &Value)| Key {
        name: kept(name),
        doc: doc_of(schema),
        kind: kind_of(schema),
        schema: schema.clone(),
    };
    properties.into_iter().flat_map(Map::iter).map(key).collect()
}

fn doc_of(schema: &Value) -> String {
    text_at(schema, "description").unwrap_or_default().to_owned()
}

fn text_at<'a>(schema: &'a Value, key: &str) -> Option<&'a str> {
    schema.get(key).and_then(Value::as_str)
}

fn kind_of(schema: &Value) -> Kind {
    if let Some(names) = names(schema) {
        return Kind::Choice(names);
    }
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    // TOML's whole numbers end where those of i64 do.
    let whole = |key: &str| schema.get(key).and_then(Value::as_u64);
    let (least, most) =
        (whole("minimum").unwrap_or(0), whole("maximum").unwrap_or(u64::MAX).min(i64::MAX as u64));
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let of_items = schema.pointer("/items/type").and_then(Value::as_str);
    match (text_at(schema, "x-kind"), &types[..], of_items) {
        (Some("size"), ..) => Kind::Size { least, most },
        (Some("seconds"), ..) => Kind::Seconds,
        (_, ["integer", ..], _) => Kind::Whole { least, most },
        (_, ["number", ..], _) => {
            let least = number("minimum").unwrap_or(f64::NEG_INFINITY);
            let most = number("maximum").unwrap_or(f64::INFINITY);
            let expected = text_at(schema, "x-expected").map(str::to_owned);
            Kind::Real(Reals {
                expected: expected.unwrap_or_else(|| format!("a number from {least} to {most}")),
                least,
                most,
                above: number("exclusiveMinimum").unwrap_or(f64::NEG_INFINITY),
                below: number("exclusiveMaximum").unwrap_or(f64::INFINITY),
            })
        }
        (_, ["boolean", ..], _) => Kind::Flag,
        // A text that may be missing names a file: an empty one names none.
        (_, ["string", "null"], _) => Kind::Path,
        (_, ["string", ..], _) => Kind::Text,
        (_, ["array", ..], Some("number")) => Kind::Reals,
        (_, ["array", ..], Some("string")) => Kind::Texts,
        _ => Kind::Other,
    }
}

/// The names that a schema lists, if it is that of a choice.
fn names(schema: &Value) -> Option<Vec<Name>> {
    let plain = schema.get("enum").and_then(Value::as_array);
    let plain = plain.map(|names| {
        let name = |name: &Value| Some(Name { name: kept(name.as_str()?), doc: String::new() });
        names.iter().filter_map(name).collect::<Vec<_>>()
    });
    let documented = schema.get("oneOf").and_then(Value::as_array).and_then(|variants| {
        let name = |variant: &Value| {
            Some(Name { name: kept(text_at(variant, "const")?), doc: doc_of(variant) })
        };
        variants.iter().map(name).collect::<Option<Vec<_>>>()
    });
    plain.or(documented).filter(|names| !names.is_empty())
}
