//! Settings as keys with their values, in the order in which they are documented.

use schemars::JsonSchema;
use serde::Serialize;
use toml::Value;

use super::keys::{keys_of, variants_of};
use super::section::table_of;

/// Keys with their values, in the order in which they are documented.
pub(super) type Rows = Vec<(&'static str, Value)>;

/// The keys of a struct.
pub(super) fn rows_of<T: Serialize + JsonSchema + 'static>(config: &T) -> Rows {
    let mut table = table_of(config);
    let keys = keys_of::<T>();
    keys.iter().filter_map(|key| Some((key.name, table.remove(key.name)?))).collect()
}

/// The tag of an enum and the keys of its variant.
pub(super) fn tagged_rows_of<T: Serialize + JsonSchema + 'static>(
    tag: &'static str,
    config: &T,
) -> Rows {
    let mut table = table_of(config);
    let name = table.remove(tag).expect("it has its tag");
    let variants = variants_of::<T>(tag);
    let variant = variants.iter().find(|variant| name.as_str() == Some(variant.name.name));
    let keys = variant.map_or(&[][..], |variant| &variant.keys);
    let keys = keys.iter().filter_map(|key| Some((key.name, table.remove(key.name)?)));
    let rows: Rows = keys.collect();
    [(tag, name)].into_iter().chain(rows).collect()
}
