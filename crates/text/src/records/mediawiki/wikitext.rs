//! Removes the markup of MediaWiki (<https://www.mediawiki.org/wiki/Markup_spec>), well enough for word vectors.
//!
//! | markup | result |
//! |---|---|
//! | `{{template}}`, `{{{parameter}}}`, `{| table |}`, `<!-- comment -->` | nothing |
//! | templates that write an apostrophe, a space or a dash; `{{lang|fr|text}}`, `{{nowrap|text}}` | the character; the text |
//! | `[[target|text]]`, `[[target]]` | the text, or else the target |
//! | `[[File:…]]`, `[[Category:…]]` by their names in the language of the wiki, `[[fr:…]]` | nothing |
//! | `[http://… text]` | the text |
//! | `<ref>…</ref>`, `<math>…</math>` and the like | nothing |
//! | `<nowiki>…</nowiki>` | the content, literally |
//! | other tags of MediaWiki, marks for bold and italic, `== marks of headings ==`, marks of lists | their content |
//! | `__NOTOC__` and other switches | nothing |
//! | `-{zh-hans:…; zh-hant:…}-` in wikis that have it | one of the texts |
//! | `&nbsp;` and other entities of HTML | their characters |
//!
//! Templates are not expanded. If markup does not end, its marks are removed and the rest is text; a table without end
//! extends to its last row.

use std::borrow::Cow;
use std::collections::HashSet;

use quick_xml::escape::resolve_html5_entity;

use super::names::{self, is_switch};
use super::prepare::{prepare, protected, tag_end, tag_name, unprotect};
use super::quotes;
use super::tags::{is_block, is_tag};
use super::variants::variants;

/// Templates that write a space or a character with spaces around it.
const SPACES: &[&str] = &[
    "nbsp",
    "space",
    "spaces",
    "snd",
    "spnd",
    "sndash",
    "spndash",
    "spaced ndash",
    "ndash",
    "mdash",
    "–",
    "—",
    "·",
    "•",
    "dot",
    "bull",
    "clear",
    "br",
    "pb",
];
/// Templates that show one of their arguments, and which.
const SHOWN: &[(&str, usize)] =
    &[("lang", 2), ("nowrap", 1), ("nobr", 1), ("nobreak", 1), ("small", 1), ("big", 1)];
/// The longest name of an entity, with its marks.
const ENTITY_BYTES: usize = 34;
/// The longest name of a switch, with its marks.
const SWITCH_BYTES: usize = 160;
/// Maximum depth of links in links; deeper ones are text.
const DEPTH_MAX: usize = 16;

/// The longest address of a link.
const LINK_BYTES: usize = 4096;
/// Limit of searches to the end of a text for missing marks, which bounds the time for pages of only open marks.
const SEARCHES: usize = 64;

/// Strips markup, in a wiki of a given language.
pub(super) struct Stripper {
    /// In lower case.
    hidden: HashSet<String>,
    /// The variants of the language.
    codes: &'static [&'static str],
}

/// The state of stripping a text.
struct Strip<'a> {
    hidden: &'a HashSet<String>,
    out: &'a mut String,
    /// Bytes that may still be searched in vain.
    fuel: usize,
}

impl Stripper {
    /// For a wiki in a language, with the names of hidden name spaces that it lists beside those of the language.
    pub fn new(language: Option<&str>, listed: &[String]) -> Self {
        let mut hidden = names::hidden(language);
        hidden.extend(listed.iter().map(|name| name.to_lowercase()));
        Self { hidden, codes: language.map_or(&[], variants) }
    }

    /// Appends the text.
    pub fn strip(&self, text: &str, out: &mut String) {
        let text = prepare(text, self.codes);
        let fuel = SEARCHES.saturating_mul(text.len());
        let (mut marked, mut plain) = (String::with_capacity(text.len()), String::new());
        Strip { hidden: &self.hidden, out: &mut marked, fuel }.part(&text, 0);
        if !marked.contains("''") {
            return unprotect(&marked, out);
        }
        quotes::leave_out_marks(&marked, &mut plain);
        unprotect(&plain, out);
    }
}

impl Strip<'_> {
    /// Strips a text, or a part within a line of it if it is nested.
    fn part(&mut self, text: &str, depth: usize) {
        let (mut at, mut is_line_start) = (0, depth == 0);
        while at < text.len() {
            let rest = &text[at..];
            if is_line_start {
                is_line_start = false;
                at += self.line_start(rest);
                continue;
            }
            let plain = rest.find(['<', '{', '[', ']', '}', '_', '＿', '&', '\n', '=']);
            let plain = plain.unwrap_or(rest.len());
            if plain > 0 {
                self.out.push_str(&rest[..plain]);
                at += plain;
                continue;
            }
            is_line_start = depth == 0 && rest.starts_with('\n');
            at += self.mark(rest, depth);
        }
    }

    /// Strips the beginning of a line: marks of headings, lists and rules, a table. Returns its length.
    fn line_start(&mut self, rest: &str) -> usize {
        let trimmed = rest.trim_start_matches([' ', '\t', ':', '*', '#', ';']);
        let marks = rest.len() - trimmed.len();
        if trimmed.starts_with("{|") {
            return marks + self.table(trimmed);
        }
        if trimmed.starts_with("----") {
            return marks + (trimmed.len() - trimmed.trim_start_matches('-').len());
        }
        if trimmed.starts_with('=') {
            return marks + (trimmed.len() - trimmed.trim_start_matches('=').len());
        }
        // Rows of a table whose beginning is lost, as templates make it.
        if trimmed.starts_with('|') {
            let rows = if trimmed.starts_with("|-") { self.lost_rows(trimmed) } else { None };
            return marks + rows.unwrap_or_else(|| line_bytes(trimmed));
        }
        marks
    }

    /// The length of a table.
    fn table(&mut self, text: &str) -> usize {
        self.balanced(text, "{|", "|}").unwrap_or_else(|| open_table(text))
    }

    /// The length of the rows that `text` begins with, up to the end of their table, whose beginning a template has
    /// made.
    fn lost_rows(&mut self, text: &str) -> Option<usize> {
        if self.fuel == 0 {
            return None;
        }
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let begin = line.trim_start();
            if begin.starts_with("|}") {
                return Some(at + line_bytes(line));
            }
            if begin.starts_with("{|") || begin.starts_with("==") {
                break;
            }
            at += line.len();
        }
        self.fuel = self.fuel.saturating_sub(at);
        None
    }

    /// Strips a mark at the beginning of `rest`; returns its length with what belongs to it.
    fn mark(&mut self, rest: &str, depth: usize) -> usize {
        match rest.as_bytes()[0] {
            b'{' if rest.starts_with("{{") => self.template(rest, depth),
            b'[' if rest.starts_with("[[") => self.link(rest, depth),
            b'[' => self.outer_link(rest, depth),
            b']' if rest.starts_with("]]") => 2,
            b'}' if rest.starts_with("}}") => 2,
            b'<' => self.tag(rest),
            b'_' if rest.starts_with("__") => self.switch(rest, "__"),
            b'&' => self.entity(rest),
            b'=' => self.heading_end(rest),
            _ if rest.starts_with("＿＿") => self.switch(rest, "＿＿"),
            _ => {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                self.keep(&rest[..first])
            }
        }
    }

    /// Literal text; returns its length.
    fn keep(&mut self, text: &str) -> usize {
        self.out.push_str(text);
        text.len()
    }

    /// `==` before the end of a line.
    fn heading_end(&mut self, rest: &str) -> usize {
        let marks = rest.len() - rest.trim_start_matches('=').len();
        let behind = rest[marks..].trim_start_matches([' ', '\t', '\r']);
        let is_end = marks > 1 && (behind.is_empty() || behind.starts_with('\n'));
        if is_end { marks } else { self.keep(&rest[..marks]) }
    }

    /// `{{name|argument|…}}`
    fn template(&mut self, rest: &str, depth: usize) -> usize {
        let Some(len) = self.balanced(rest, "{{", "}}") else { return 2 };
        let inner = &rest[2..len - 2];
        let name = inner.split('|').next().unwrap_or_default().trim();
        if matches!(name, "'" | "’" | "'s") {
            self.out.push(protected(b'\''));
            self.out.push_str(name.trim_start_matches(['\'', '’']));
            return len;
        }
        // Names of templates are short.
        let name = if name.len() <= 16 { name.to_lowercase() } else { String::new() };
        if SPACES.contains(&name.as_str()) {
            self.out.push(' ');
        } else if let Some((_, number)) = SHOWN.iter().find(|(shown, _)| *shown == name)
            && let Some(argument) = argument(inner, *number).filter(|_| depth < DEPTH_MAX)
        {
            self.part(argument, depth + 1);
        }
        len
    }

    /// `[[target|text]]`
    fn link(&mut self, rest: &str, depth: usize) -> usize {
        let end = if depth < DEPTH_MAX { self.balanced(rest, "[[", "]]") } else { None };
        let Some(len) = end else { return 2 };
        let inner = &rest[2..len - 2];
        let (target, shown) = match inner.split_once('|') {
            Some((target, _)) => {
                (target, inner.rsplit('|').next().filter(|shown| !shown.trim().is_empty()))
            }
            None => (inner, None),
        };
        let has_text = inner.contains('|');
        if !self.is_hidden(target, has_text) {
            let page = || target.trim_start_matches(':').split('#').next().unwrap_or(target);
            self.part(shown.unwrap_or_else(page), depth + 1);
        }
        len
    }

    /// Whether a link is not text: to a file, a category, the same article in another language.
    fn is_hidden(&self, target: &str, has_text: bool) -> bool {
        let Some((space, _)) = target.split_once(':') else { return false };
        let space = space.replace('_', " ");
        // Marks of direction may precede a name.
        let is_mark = |c: char| c.is_whitespace() || matches!(c, '\u{200e}' | '\u{200f}');
        let space = space.trim_matches(is_mark).to_lowercase();
        let is_language = (2..=12).contains(&space.len())
            && !has_text
            && !target.contains(": ")
            && space.split('-').next().is_some_and(|code| matches!(code.len(), 2 | 3))
            && space.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        !space.is_empty() && (self.hidden.contains(&space) || is_language)
    }

    /// `[http://… text]`
    fn outer_link(&mut self, rest: &str, depth: usize) -> usize {
        let schemes = ["http://", "https://", "//", "ftp://", "mailto:"];
        match find_near(rest, b']') {
            Some(end) if schemes.iter().any(|scheme| rest[1..].starts_with(scheme)) => {
                if let Some((_, shown)) = rest[1..end].split_once(' ') {
                    self.part(shown, depth + 1);
                }
                end + 1
            }
            _ => self.keep("["),
        }
    }

    /// The length of what begins with `open`, up to and including the matching `close`.
    fn balanced(&mut self, text: &str, open: &str, close: &str) -> Option<usize> {
        if self.fuel == 0 {
            return None;
        }
        let (mut depth, mut at) = (0, 0);
        let (first, last) = (open.as_bytes()[0], close.as_bytes()[0]);
        while let Some(step) = memchr::memchr2(first, last, &text.as_bytes()[at..]) {
            at += step;
            if open == "{|" && text[at..].starts_with("{{") {
                // The end of a template may look like that of a table.
                at += self.balanced(&text[at..], "{{", "}}").unwrap_or(2);
            } else if text[at..].starts_with(open) {
                (depth, at) = (depth + 1, at + open.len());
            } else if text[at..].starts_with(close) {
                (depth, at) = (depth - 1, at + close.len());
                if depth == 0 {
                    return Some(at);
                }
            } else {
                at += 1;
            }
        }
        self.fuel = self.fuel.saturating_sub(text.len());
        None
    }

    /// `<name …>`, or a character.
    fn tag(&mut self, rest: &str) -> usize {
        let name = tag_name(rest).to_ascii_lowercase();
        let is_dropped = name == "table" && !rest.starts_with("</");
        let end = tag_end(rest).filter(|_| !name.is_empty());
        let Some(end) = end else { return self.keep("<") };
        if is_dropped
            && let Some(len) = self.balanced(
                rest,
                &rest[..1 + name.len()],
                &format!("</{}>", &rest[1..1 + name.len()]),
            )
        {
            return len;
        }
        if is_block(&name) {
            self.keep(" ");
        } else if !is_tag(&name) {
            return self.keep("<");
        }
        end + 1
    }

    /// `__NOTOC__`
    fn switch(&mut self, rest: &str, mark: &str) -> usize {
        let mut most = rest.len().min(SWITCH_BYTES);
        while !rest.is_char_boundary(most) {
            most -= 1;
        }
        // A name may contain a single underscore, and so may the text after a double one.
        let end = rest[mark.len()..most].find(mark).map(|len| len + 2 * mark.len());
        let end = end.filter(|end| is_switch(&rest[..*end]));
        end.unwrap_or_else(|| self.keep(mark))
    }

    /// `&name;`
    fn entity(&mut self, rest: &str) -> usize {
        let end = rest.bytes().take(ENTITY_BYTES).position(|byte| byte == b';');
        let found = end.and_then(|end| Some((end + 1, character(&rest[1..end])?)));
        match found {
            // An apostrophe written as an entity is not a mark.
            Some((len, text)) if text == "'" => {
                self.out.push(protected(b'\''));
                len
            }
            Some((len, text)) => {
                self.keep(&text);
                len
            }
            None => self.keep("&"),
        }
    }
}

/// The argument of a template by its number, from 1, without named ones.
fn argument(inner: &str, number: usize) -> Option<&str> {
    let (mut depth, mut found, mut begin) = (0usize, 0, 0);
    let bytes = inner.as_bytes();
    for at in 0..=bytes.len() {
        match bytes.get(at) {
            Some(b'[' | b'{') => depth += 1,
            Some(b']' | b'}') => depth = depth.saturating_sub(1),
            Some(b'|') | None if depth == 0 || at == bytes.len() => {
                let part = &inner[begin..at];
                let name = part.split_once('=').map(|(name, _)| name.trim());
                let is_named = name.is_some_and(|name| {
                    name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
                });
                // The first part is the name of the template.
                if begin > 0 && !is_named {
                    found += 1;
                    if found == number {
                        return Some(part);
                    }
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
    None
}

/// The length of a line, without its end.
fn line_bytes(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// The length of a table without end: up to its last row, and to the template or the blank line that follows it.
fn open_table(text: &str) -> usize {
    // Without a row it is not a table, and only its mark is removed.
    let (mut at, mut end, mut is_row) = (0, 2, true);
    let mut has_rows = false;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let begin = line.trim_start();
        if number > 0 && (begin.starts_with("{|") || begin.starts_with("==")) {
            break;
        }
        if number > 0 && begin.starts_with(['|', '!']) {
            (end, is_row, has_rows) = (at + line_bytes(line), true, true);
        } else if is_row && (begin.starts_with("{{") || begin.is_empty()) {
            is_row = false;
        } else if is_row && has_rows {
            end = at + line_bytes(line);
        }
        at += line.len();
    }
    end
}

/// The place of a byte nearby on this line.
fn find_near(text: &str, byte: u8) -> Option<usize> {
    let near = &text.as_bytes()[..text.len().min(LINK_BYTES)];
    memchr::memchr2(byte, b'\n', near).filter(|at| near[*at] == byte)
}

/// The character of an entity: a name of HTML, or `#` and a number.
fn character(name: &str) -> Option<Cow<'static, str>> {
    let Some(number) = name.strip_prefix('#') else {
        return resolve_html5_entity(name).map(Cow::Borrowed);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    // A NUL is invalid in HTML, too.
    let found = code.ok().and_then(char::from_u32);
    found.map(|it| Cow::Owned(if it == '\0' { ' ' } else { it }.to_string()))
}
