//! The first pass over a page, as in MediaWiki: removes comments, text that is not markup, and tags whose content is
//! not text; then expands templates that write marks.
//!
//! *Protected* characters are text whatever surrounds them. They are mapped to a private plane and restored at the end.

use std::borrow::Cow;

use super::tags::is_dropped;
use super::variants;

/// Templates that write marks of tables, and the marks.
const MARKS: &[(&str, &str)] = &[
    ("{{!}}", "|"),
    ("{{(!}}", "{|"),
    ("{{!)}}", "|}"),
    ("{{!-}}", "|-"),
    ("{{!!}}", "||"),
    ("{{=}}", "="),
];
/// The code points of protected characters: this one plus their number in ASCII. That of NUL represents
/// nothing.
const PROTECTED: u32 = 0x0010_ff00;
/// The longest tag.
const TAG_BYTES: usize = 4096;

/// The resulting text.
pub(super) fn prepare<'a>(text: &'a str, codes: &[&str]) -> Cow<'a, str> {
    let mut text = match text.contains('<') {
        true => Cow::Owned(without_tags(text)),
        false => Cow::Borrowed(text),
    };
    for (template, mark) in MARKS {
        if text.contains(template) {
            text = Cow::Owned(text.replace(template, mark));
        }
    }
    match variants::choose(&text, codes) {
        Cow::Borrowed(_) => text,
        Cow::Owned(chosen) => Cow::Owned(chosen),
    }
}

/// A protected character of ASCII.
pub(super) fn protected(byte: u8) -> char {
    char::from_u32(PROTECTED + u32::from(byte)).expect("the plane has room")
}

/// Restores protected characters.
pub(super) fn unprotect(text: &str, out: &mut String) {
    let plain = |c: char| match u32::from(c).checked_sub(PROTECTED) {
        None => Some(c),
        Some(0) => None,
        Some(byte) => u8::try_from(byte).ok().map(char::from),
    };
    out.extend(text.chars().filter_map(plain));
}

/// Where a tag ends that `text` begins with; tags may span lines.
pub(super) fn tag_end(text: &str) -> Option<usize> {
    let near = &text.as_bytes()[1..text.len().min(TAG_BYTES)];
    memchr::memchr2(b'>', b'<', near).filter(|at| near[*at] == b'>').map(|at| at + 1)
}

/// The name of a tag, also of a closing one.
pub(super) fn tag_name(text: &str) -> &str {
    let name = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    &name[..name.bytes().take_while(u8::is_ascii_alphanumeric).count()]
}

fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Names of tags that are not closed from here on: each is searched for once.
    let mut unclosed: Vec<String> = Vec::new();
    while let Some(at) = memchr::memchr(b'<', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("<!--") {
            rest = rest.find("-->").map_or("", |end| &rest[end + 3..]);
            continue;
        }
        let name = tag_name(rest).to_ascii_lowercase();
        let is_nowiki = name == "nowiki";
        let is_ours = !rest.starts_with("</") && (is_nowiki || is_dropped(&name));
        let end = if is_ours { tag_end(rest) } else { None };
        let Some(end) = end.filter(|_| !unclosed.contains(&name)) else {
            out.push('<');
            rest = &rest[1..];
            continue;
        };
        let inner = &rest[end + 1..];
        if rest[..end].ends_with('/') {
            out.push(protected(0));
            rest = inner;
        } else if let Some((len, whole)) = find_close(inner, &name) {
            if is_nowiki {
                protect(&inner[..len], &mut out);
            }
            rest = &inner[whole..];
        } else {
            unclosed.push(name);
        }
    }
    out.push_str(rest);
    out
}

/// Where `</name>` begins and ends.
fn find_close(text: &str, name: &str) -> Option<(usize, usize)> {
    for begin in memchr::memmem::find_iter(text.as_bytes(), b"</") {
        let found = tag_name(&text[begin..]);
        if found.eq_ignore_ascii_case(name) {
            let end = memchr::memchr(b'>', &text.as_bytes()[begin..])?;
            return Some((begin, begin + end + 1));
        }
    }
    None
}

/// Appends a text that is not markup; entities are characters there, too.
fn protect(text: &str, out: &mut String) {
    out.extend(text.chars().map(|c| match u8::try_from(c) {
        Ok(byte) if byte.is_ascii_punctuation() && !matches!(byte, b'&' | b'#' | b';') => {
            protected(byte)
        }
        _ => c,
    }));
}
