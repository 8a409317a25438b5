//! Text without the markup of MediaWiki (<https://www.mediawiki.org/wiki/Markup_spec>), good enough for word vectors.
//!
//! | markup | what is left |
//! |---|---|
//! | `{{template}}`, `{{{parameter}}}`, `{| table |}`, `<!-- comment -->` | nothing |
//! | `[[target|text]]`, `[[target]]` | the text, or else the target |
//! | `[[File:…]]`, `[[Category:…]]` by their names in any language, `[[fr:…]]` | nothing |
//! | `[http://… text]` | the text |
//! | `<ref>…</ref>`, `<math>…</math>` and the like | nothing |
//! | `<nowiki>…</nowiki>` | what stands in it, as it is |
//! | other tags, quotes for bold and italic, `== marks of headings ==`, marks of lists, `__WORDS__` | what stands in them |
//! | `&nbsp;` and other entities of HTML | their characters |
//!
//! Templates are not expanded. Where markup does not end, its marks are left out and what follows is text.

use std::borrow::Cow;

use quick_xml::escape::resolve_html5_entity;

/// Tags that are left out with all that stands in them.
const DROPPED: &[&str] = &[
    "ref",
    "math",
    "chem",
    "ce",
    "gallery",
    "timeline",
    "score",
    "syntaxhighlight",
    "source",
    "imagemap",
    "table",
    "style",
    "script",
    "templatestyles",
    "graph",
    "mapframe",
    "maplink",
    "hiero",
    "references",
    "inputbox",
    "categorytree",
];
/// English names of hidden name spaces, known everywhere.
const HIDDEN: &[&str] = &["file", "image", "media", "category"];
/// The longest name of an entity, with its marks.
const ENTITY_BYTES: usize = 34;
/// How deep links in links are followed; more are text.
const DEPTH_MAX: usize = 16;

/// The longest tag, and the longest link to somewhere else.
const TAG_BYTES: usize = 4096;
/// How often a text may be searched to its end for marks that do not come: pages of nothing but open marks take no
/// longer than so.
const SEARCHES: usize = 64;

/// Strips markup, in a wiki of some language.
pub(super) struct Stripper {
    /// In lower case.
    hidden: Vec<String>,
}

/// A text being stripped.
struct Strip<'a> {
    hidden: &'a [String],
    out: &'a mut String,
    /// Bytes that may still be searched in vain.
    fuel: usize,
}

impl Stripper {
    /// With the names of hidden name spaces beside the English ones.
    pub fn new(hidden: Vec<String>) -> Self {
        let names = hidden.iter().map(|name| name.to_lowercase());
        Self { hidden: names.chain(HIDDEN.iter().map(|name| (*name).to_owned())).collect() }
    }

    /// Appends the text.
    pub fn strip(&self, text: &str, out: &mut String) {
        let fuel = SEARCHES.saturating_mul(text.len());
        Strip { hidden: &self.hidden, out, fuel }.part(text, 0);
    }
}

impl Strip<'_> {
    /// A text, or a part within a line of it if it stands in something.
    fn part(&mut self, text: &str, depth: usize) {
        let (mut at, mut is_line_start) = (0, depth == 0);
        while at < text.len() {
            let rest = &text[at..];
            if is_line_start {
                is_line_start = false;
                at += self.line_start(rest);
                continue;
            }
            let plain = rest.find(['<', '{', '[', ']', '}', '\'', '_', '&', '\n', '=']);
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

    /// What stands at the begin of a line: marks of headings, lists and rules, a table. How long it is.
    fn line_start(&mut self, rest: &str) -> usize {
        let trimmed = rest.trim_start_matches([' ', '\t', ':', '*', '#', ';']);
        let marks = rest.len() - trimmed.len();
        if trimmed.starts_with("{|") {
            return marks + self.balanced(trimmed, "{|", "|}").unwrap_or(2);
        }
        if trimmed.starts_with("----") {
            return marks + (trimmed.len() - trimmed.trim_start_matches('-').len());
        }
        if trimmed.starts_with('=') {
            return marks + (trimmed.len() - trimmed.trim_start_matches('=').len());
        }
        // Rows of a table whose begin is lost, as templates make it.
        if trimmed.starts_with("|}") || trimmed.starts_with("|-") {
            return marks + trimmed.find('\n').unwrap_or(trimmed.len());
        }
        marks
    }

    /// Deals with a mark at the begin of `rest`; how long it is with what belongs to it.
    fn mark(&mut self, rest: &str, depth: usize) -> usize {
        match rest.as_bytes()[0] {
            b'{' if rest.starts_with("{{") => self.balanced(rest, "{{", "}}").unwrap_or(2),
            b'[' if rest.starts_with("[[") => self.link(rest, depth),
            b'[' => self.outer_link(rest, depth),
            b']' if rest.starts_with("]]") => 2,
            b'}' if rest.starts_with("}}") => 2,
            b'<' => self.tag(rest),
            b'\'' if rest.starts_with("''") => rest.len() - rest.trim_start_matches('\'').len(),
            b'_' if rest.starts_with("__") => self.switch(rest),
            b'&' => self.entity(rest),
            b'=' => self.heading_end(rest),
            _ => self.keep(&rest[..1]),
        }
    }

    /// Text as it is; its length.
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

    /// Whether a link is none to a text: to a file, a category, the same article in another language.
    fn is_hidden(&self, target: &str, has_text: bool) -> bool {
        let Some((space, _)) = target.split_once(':') else { return false };
        let space = space.trim().to_lowercase();
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

    /// The length of what begins with `open`, up to and with the `close` that belongs to it.
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

    /// `<name …>`, a comment, or a character.
    fn tag(&mut self, rest: &str) -> usize {
        if rest.starts_with("<!--") {
            return rest.find("-->").map_or(rest.len(), |end| end + 3);
        }
        let name = rest[1..].trim_start_matches('/');
        let name = &name[..name.bytes().take_while(u8::is_ascii_alphanumeric).count()];
        let end = find_near(rest, b'>');
        let (false, Some(end)) = (name.is_empty(), end) else { return self.keep("<") };
        let is_open = !rest[1..].starts_with('/') && !rest[..end].ends_with('/');
        let (name, behind) = (name.to_ascii_lowercase(), end + 1);
        if is_open && (name == "nowiki" || DROPPED.contains(&name.as_str())) {
            let Some((len, whole)) = self.find_end(&rest[behind..], &name) else { return behind };
            if name == "nowiki" {
                self.keep(&rest[behind..behind + len]);
            }
            return behind + whole;
        }
        if matches!(name.as_str(), "br" | "p" | "div" | "li" | "tr" | "td" | "hr") {
            self.keep(" ");
        }
        behind
    }

    /// Where `</name>` begins and ends.
    fn find_end(&mut self, text: &str, name: &str) -> Option<(usize, usize)> {
        if self.fuel == 0 {
            return None;
        }
        for begin in memchr::memmem::find_iter(text.as_bytes(), b"</") {
            let rest = &text.as_bytes()[begin + 2..];
            let found = rest.get(..name.len());
            if found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes())) {
                let end = memchr::memchr(b'>', &rest[name.len()..])?;
                return Some((begin, begin + 2 + name.len() + end + 1));
            }
        }
        self.fuel = self.fuel.saturating_sub(text.len());
        None
    }

    /// `__NOTOC__`
    fn switch(&mut self, rest: &str) -> usize {
        let letters = rest[2..].find(|c: char| !c.is_alphanumeric()).unwrap_or(0);
        let is_switch = letters > 0 && rest[2 + letters..].starts_with("__");
        if is_switch { letters + 4 } else { self.keep("__") }
    }

    /// `&name;`
    fn entity(&mut self, rest: &str) -> usize {
        let end = rest.bytes().take(ENTITY_BYTES).position(|byte| byte == b';');
        let found = end.and_then(|end| Some((end + 1, character(&rest[1..end])?)));
        match found {
            Some((len, text)) => {
                self.keep(&text);
                len
            }
            None => self.keep("&"),
        }
    }
}

/// Where a byte stands, on this line and not far away.
fn find_near(text: &str, byte: u8) -> Option<usize> {
    let near = &text.as_bytes()[..text.len().min(TAG_BYTES)];
    memchr::memchr2(byte, b'\n', near).filter(|at| near[*at] == byte)
}

/// What an entity stands for: a name of HTML, or `#` and a number.
fn character(name: &str) -> Option<Cow<'static, str>> {
    let Some(number) = name.strip_prefix('#') else {
        return resolve_html5_entity(name).map(Cow::Borrowed);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    code.ok().and_then(char::from_u32).map(|it| Cow::Owned(it.to_string()))
}
