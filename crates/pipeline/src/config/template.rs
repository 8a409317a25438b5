//! The template that ships with the program.

/// The template that ships with the program: what `wordmill init` writes and `wordmill run` follows
/// where there is no file.
pub const TEMPLATE: &str = include_str!("../../pipeline.toml");

/// The sections that have a key of this name, in their order.
pub(super) fn sections_with(key: &str) -> Vec<&'static str> {
    let (mut section, mut found) = ("", Vec::new());
    for line in TEMPLATE.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        }
        let name = line.trim_start_matches("# ").split_once(" = ");
        if name.is_some_and(|(name, _)| name == key) && !found.contains(&section) {
            found.push(section);
        }
    }
    found
}
