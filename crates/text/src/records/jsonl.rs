//! JSON Lines: the text at a path of keys of the object on each line.
//!
//! Only that text is kept; other values are skipped as they are parsed. A text may be in lists on the way or at its
//! end; each becomes lines. Escapes of lone surrogates and bytes that are invalid UTF-8 are passed on, to be treated
//! like those of any other text; an escaped NUL is white space. A blank line is no record. `NaN`, `Infinity` and
//! `-Infinity`, as Python writes them, are numbers. A file that begins with `[` is an array, whose elements are the
//! records wherever their lines end ([`array`]).

mod array;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::sink::{Refused, Sink, Take};
use array::Elements;

/// Objects, one per line.
pub(super) struct JsonLines {
    path: Vec<String>,
    /// Whether to skip the rest of a line that is too long.
    is_passing: bool,
    /// The layout of the file, once its first byte is known.
    form: Form,
}

/// What separates the records of a file.
#[derive(Default)]
enum Form {
    /// Only white space has been seen.
    #[default]
    Unknown,
    Lines,
    Array(Elements),
}

impl JsonLines {
    pub fn new(path: Vec<String>) -> Self {
        Self { path, is_passing: false, form: Form::Unknown }
    }

    /// Passes on the text of a record that begins at `at`.
    fn record(&self, record: &[u8], at: usize, sink: &mut Sink) -> Result<(), Refused> {
        if record.trim_ascii().is_empty() {
            return Ok(());
        }
        sink.record();
        let before = sink.text.len();
        if let Err(what) = text(record, &self.path, &mut sink.text) {
            sink.text.truncate(before);
            sink.broken(sink.place(at), &what)?;
        }
        Ok(())
    }

    /// Takes the whole elements of an array.
    fn take_elements(
        &mut self,
        mut elements: Elements,
        raw: &[u8],
        is_end: bool,
        sink: &mut Sink,
    ) -> Result<usize, Refused> {
        let mut at = 0;
        while let Some((start, end)) = elements.next(raw, &mut at) {
            self.record(&raw[start..end], start, sink)?;
        }
        if is_end {
            self.record(&raw[at..], at, sink)?;
            if elements.is_open() {
                sink.record();
                sink.broken(sink.place(raw.len()), "the array has no end: it is cut off")?;
            }
            at = raw.len();
        }
        self.form = Form::Array(elements);
        Ok(at)
    }
}

impl Take for JsonLines {
    fn take(&mut self, raw: &[u8], is_end: bool, sink: &mut Sink) -> Result<usize, Refused> {
        if let Form::Unknown = self.form {
            match raw.trim_ascii_start().first() {
                Some(b'[') => self.form = Form::Array(Elements::default()),
                Some(_) => self.form = Form::Lines,
                None => return Ok(raw.len()),
            }
        }
        if let Form::Array(elements) = &mut self.form {
            let elements = std::mem::take(elements);
            return self.take_elements(elements, raw, is_end, sink);
        }
        let mut at = 0;
        while at < raw.len() {
            let end = memchr::memchr(b'\n', &raw[at..]).map(|len| at + len);
            if self.is_passing {
                self.is_passing = end.is_none();
                at = end.map_or(raw.len(), |end| end + 1);
                continue;
            }
            let line = match end {
                Some(end) => &raw[at..end],
                None if is_end => &raw[at..],
                None => break,
            };
            self.record(line, at, sink)?;
            at = end.map_or(raw.len(), |end| end + 1);
        }
        Ok(at)
    }

    fn give_up(&mut self, sink: &mut Sink) -> Result<(), Refused> {
        match &mut self.form {
            Form::Array(elements) => elements.give_up(),
            _ => self.is_passing = true,
        }
        sink.record();
        sink.broken(sink.place(0), "it is longer than 64 MiB")
    }
}

/// Appends the text of one object, with a line end after each piece.
fn text(line: &[u8], path: &[String], out: &mut Vec<u8>) -> Result<(), String> {
    let before = out.len();
    let told = match strict_text(line, path, out) {
        Ok(()) => return Ok(()),
        Err(told) => told,
    };
    out.truncate(before);
    match plain_numbers(line) {
        Some(line) => strict_text(&line, path, out),
        None => Err(told),
    }
}

/// The same for an object in standard JSON.
fn strict_text(line: &[u8], path: &[String], out: &mut Vec<u8>) -> Result<(), String> {
    let before = out.len();
    let mut json = serde_json::Deserializer::from_slice(line);
    // The problem and its column, without the line, which is always 1.
    let told = |error: serde_json::Error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let what = error.to_string();
        format!("{}, at byte {} of it", what.trim_end_matches(&place), error.column())
    };
    Text { path, out }.deserialize(&mut json).map_err(told)?;
    json.end().map_err(told)?;
    if out.len() == before {
        return Err(format!("it has no text at \"{}\"", path.join(".")));
    }
    Ok(())
}

/// The line with zeros of the same length in place of numbers that Python writes and JSON does not have; `None` if
/// there are none.
fn plain_numbers(line: &[u8]) -> Option<Vec<u8>> {
    let mut made: Option<Vec<u8>> = None;
    let (mut at, mut is_text) = (0, false);
    while at < line.len() {
        match line[at] {
            b'\\' if is_text => at += 1,
            b'"' => is_text = !is_text,
            b'N' | b'I' | b'-' if !is_text => {
                let names: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
                if let Some(name) = names.iter().find(|name| line[at..].starts_with(name)) {
                    let number =
                        &mut made.get_or_insert_with(|| line.to_vec())[at..at + name.len()];
                    number.fill(b' ');
                    number[0] = b'0';
                    at += name.len();
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    made
}

/// The text at the end of a path.
struct Text<'a> {
    path: &'a [String],
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.path {
            // Bytes, not a text, as they may be invalid UTF-8.
            [] => deserializer.deserialize_bytes(self),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.first() {
            Some(key) => write!(out, "an object with \"{key}\""),
            None => write!(out, "a text"),
        }
    }

    fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<(), E> {
        let before = self.out.len();
        self.out.extend_from_slice(text);
        // It can only come from an escape: a NUL in the file itself was refused.
        for nul in memchr::memchr_iter(0, text) {
            self.out[before + nul] = b' ';
        }
        self.out.push(b'\n');
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Some((key, rest)) = self.path.split_first() else {
            return Err(M::Error::custom("expected a text, found an object"));
        };
        while let Some(is_it) = map.next_key_seed(Is(key))? {
            if is_it {
                map.next_value_seed(Text { path: rest, out: self.out })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        while seq.next_element_seed(Text { path: self.path, out: self.out })?.is_some() {}
        Ok(())
    }
}

/// Whether a key equals this one.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}
