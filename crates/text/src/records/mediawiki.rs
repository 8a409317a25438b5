//! Dumps of MediaWiki (`pages-articles.xml`, export formats 0.3 to 0.11): the text of articles without its markup.
//!
//! A page is between `<page>` and `</page>`; markup within a text is escaped, so both can be searched for. Articles are
//! the pages of name space 0 that are not redirects; other pages are skipped. If a page has several revisions, the last
//! one counts. The names of name spaces and the language come before the first page; they identify links to files and
//! categories in any language. Old dumps do not state the name space of a page and whether it is a redirect; its title
//! and its text show it. [`wikitext`] removes the markup.

mod names;
mod prepare;
mod quotes;
mod tags;
mod variants;
mod wikitext;

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memmem::{find, rfind};
use quick_xml::escape::unescape;

use super::sink::{Refused, Sink, Take};
use names::is_redirect;
use wikitext::Stripper;

const PAGE: &[u8] = b"<page>";
const PAGE_END: &[u8] = b"</page>";
/// Limit of bytes before the first page.
const HEAD_BYTES: usize = 1 << 20;
/// Name spaces whose links are not text: media, files, categories.
const HIDDEN_SPACES: [&str; 3] = ["-2", "6", "14"];

/// The state within the dump.
#[derive(Default)]
pub(super) struct MediaWiki {
    /// Once the head is read.
    wiki: Option<Wiki>,
    /// Whether to skip the rest of a page that is too long.
    is_passing: bool,
}

/// Properties of a wiki.
struct Wiki {
    stripper: Stripper,
    /// Names of name spaces other than that of articles, in lower case.
    spaces: HashSet<String>,
}

impl Wiki {
    /// From the head of a dump.
    fn new(head: &str) -> Self {
        let spaces = spaces(head);
        let hidden: Vec<String> = spaces
            .iter()
            .filter(|(key, _)| HIDDEN_SPACES.contains(key))
            .map(|(_, name)| name.clone())
            .collect();
        let names = spaces.iter().filter(|(key, name)| *key != "0" && !name.is_empty());
        Self {
            stripper: Stripper::new(language(head), &hidden),
            spaces: names.map(|(_, name)| name.to_lowercase()).collect(),
        }
    }

    /// Whether a page is an article, by its name space or, if that is missing, its title.
    fn is_article(&self, page: &[u8]) -> bool {
        if let Some(space) = element(page, b"<ns>", b"</ns>") {
            return space == b"0";
        }
        let title = element(page, b"<title>", b"</title>").unwrap_or_default();
        let title = String::from_utf8_lossy(title);
        let title = unescape(&title).unwrap_or(Cow::Borrowed(&title));
        let space = title.split_once(':').map(|(space, _)| space.trim().to_lowercase());
        space.is_none_or(|space| !self.spaces.contains(&space))
    }
}

impl MediaWiki {
    /// Reads the head before the first page; returns its length.
    fn head(&mut self, raw: &[u8], is_end: bool) -> Result<Option<usize>, Refused> {
        const WAY_OUT: &str =
            "check corpus.format; mediawiki is for dumps such as pages-articles.xml";
        let begin = raw.trim_ascii_start();
        let is_dump = [&b"<mediawiki"[..], b"<?xml"].iter().any(|mark| {
            let count = begin.len().min(mark.len());
            begin[..count] == mark[..count]
        });
        let page = find(raw, PAGE);
        let is_late = page.is_none() && (raw.len() > HEAD_BYTES || is_end);
        if !is_dump || (page.is_some() && find(&raw[..page.unwrap_or(0)], b"<mediawiki").is_none())
        {
            return Err(Refused(
                "it is not a dump of MediaWiki: it does not begin with <mediawiki".into(),
                WAY_OUT,
            ));
        }
        if is_late {
            return Err(Refused("it is a dump of MediaWiki without a page".into(), WAY_OUT));
        }
        if let Some(page) = page {
            let head = String::from_utf8_lossy(&raw[..page]);
            self.wiki = Some(Wiki::new(&head));
        }
        Ok(page)
    }

    /// The text of one page, without its first and last tag.
    fn page(&self, page: &[u8], at: u64, sink: &mut Sink) -> Result<(), Refused> {
        let wiki = self.wiki.as_ref().expect("the head comes before the first page");
        if !wiki.is_article(page) || find(page, b"<redirect").is_some() {
            return Ok(());
        }
        if text(page).is_some_and(|text| is_redirect(&String::from_utf8_lossy(text))) {
            return Ok(());
        }
        sink.record();
        let title =
            element(page, b"<title>", b"</title>").map(String::from_utf8_lossy).unwrap_or_default();
        let Some(text) = text(page) else {
            return sink.broken(at, &format!("the page {title:?} has no text"));
        };
        let text = String::from_utf8_lossy(text);
        let text = match unescape(&text) {
            Ok(text) => text,
            Err(error) => return sink.broken(at, &format!("the page {title:?}: {error}")),
        };
        let mut lines = String::with_capacity(text.len());
        wiki.stripper.strip(&text, &mut lines);
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            sink.text.extend_from_slice(line.as_bytes());
            sink.end_line();
        }
        Ok(())
    }
}

/// The text between two tags, at their first occurrence.
fn element<'a>(page: &'a [u8], begin: &[u8], end: &[u8]) -> Option<&'a [u8]> {
    let start = find(page, begin)? + begin.len();
    Some(&page[start..start + find(&page[start..], end)?])
}

/// The text of the last revision.
fn text(page: &[u8]) -> Option<&[u8]> {
    let rest = &page[rfind(page, b"<text")?..];
    let start = memchr::memchr(b'>', rest)? + 1;
    if rest[..start].ends_with(b"/>") {
        return Some(&[]);
    }
    let len = find(&rest[start..], b"</text>")?;
    Some(&rest[start..start + len])
}

/// The keys and names of name spaces.
fn spaces(head: &str) -> Vec<(&str, String)> {
    let spaces = head.split("<namespace ").skip(1).filter_map(|rest| {
        let key = rest.split_once("key=\"")?.1.split_once('"')?.0;
        let name = rest.split_once('>')?.1.split_once("</namespace>")?.0;
        Some((key, unescape(name).map_or(name.into(), Cow::into_owned)))
    });
    spaces.collect()
}

/// The language of the wiki, if the dump states it.
fn language(head: &str) -> Option<&str> {
    let rest = head.split_once("<mediawiki")?.1.split_once('>')?.0;
    let language = rest.split_once("xml:lang=\"")?.1.split_once('"')?.0;
    Some(language).filter(|language| !language.is_empty())
}

impl Take for MediaWiki {
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused> {
        let mut at = 0;
        if self.wiki.is_none() {
            if raw.is_empty() && is_end {
                return Ok(0);
            }
            match self.head(raw, is_end)? {
                Some(len) => at = len,
                None => return Ok(0),
            }
        }
        loop {
            let rest = &raw[at..];
            if self.is_passing {
                let end = find(rest, PAGE_END);
                // The tag itself may be cut.
                at += end
                    .map_or(rest.len().saturating_sub(PAGE_END.len()), |end| end + PAGE_END.len());
                self.is_passing = end.is_none();
            } else {
                let Some(start) = find(rest, PAGE) else { break };
                let Some(len) = find(&rest[start..], PAGE_END) else {
                    at += start;
                    break;
                };
                let page = &rest[start + PAGE.len()..start + len];
                self.page(page, sink.place(at + start), sink)?;
                at += start + len + PAGE_END.len();
            }
            if self.is_passing {
                break;
            }
        }
        if is_end {
            if self.is_passing || find(&raw[at..], PAGE).is_some() {
                sink.record();
                sink.broken(sink.place(at), "the last page is cut off")?;
            } else if find(&raw[at..], b"</mediawiki>").is_none() {
                sink.record();
                sink.broken(sink.place(at), "the dump has no end: it is cut off")?;
            }
            at = raw.len();
        }
        Ok(at)
    }

    fn give_up(&mut self, sink: &mut Sink) -> Result<(), Refused> {
        self.is_passing = true;
        sink.record();
        sink.broken(sink.place(0), "the page is longer than 64 MiB")
    }
}

#[cfg(test)]
mod tests;
