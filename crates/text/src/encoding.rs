//! Encodings of text other than UTF-8: their names, conversion to UTF-8, and detection of a text's encoding.
//!
//! A *label* is a name of an encoding as people write it (<https://encoding.spec.whatwg.org/#names-and-labels>, and the
//! names of code pages). A byte order mark at the beginning of a text overrides the setting. Bytes that represent no
//! character are replaced by a byte that is invalid in UTF-8, so they are treated like wrong bytes of any other text.

use std::io::{self, Read};
use std::str;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult};
use wordmill_formats::{agree, counted};

/// U+FEFF, the byte order mark, with which some programs begin a text.
pub const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Replaces bytes that represent no character.
const WRONG: u8 = 0xff;
/// Names that people write and the web standard does not have, with the equivalent ones that it
/// has.
const MORE_LABELS: &[(&str, &str)] = &[
    ("cp932", "shift_jis"),
    ("ms932", "shift_jis"),
    ("windows-932", "shift_jis"),
    ("cp936", "gbk"),
    ("ms936", "gbk"),
    ("windows-936", "gbk"),
    ("cp949", "euc-kr"),
    ("ms949", "euc-kr"),
    ("uhc", "euc-kr"),
    ("euckr", "euc-kr"),
    ("cp950", "big5"),
    ("ms950", "big5"),
    ("windows-950", "big5"),
    ("eucjp", "euc-jp"),
    ("latin-1", "windows-1252"),
    ("latin-2", "iso-8859-2"),
    ("latin-9", "iso-8859-15"),
    ("utf16", "utf-16le"),
    ("utf16le", "utf-16le"),
    ("utf16be", "utf-16be"),
    ("utf-8-sig", "utf-8"),
];
/// The labels offered by the error for an unknown label.
const USUAL_LABELS: &[&str] = &[
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "cp949",
    "euc-kr",
    "shift_jis",
    "cp932",
    "euc-jp",
    "iso-2022-jp",
    "gbk",
    "gb18030",
    "big5",
    "latin-1",
    "latin-2",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-15",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "koi8-r",
    "koi8-u",
    "ibm866",
    "macintosh",
];

/// How the bytes of a text represent characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Default for Encoding {
    fn default() -> Self {
        Self(encoding_rs::UTF_8)
    }
}

impl Encoding {
    /// The encoding of a label; `None` if it is not supported.
    #[must_use]
    pub fn parse(label: &str) -> Option<Self> {
        let label = label.trim().to_ascii_lowercase();
        let found = |label: &str| {
            let more = MORE_LABELS.iter().find(|(more, _)| *more == label);
            encoding_rs::Encoding::for_label_no_replacement(
                more.map_or(label, |it| it.1).as_bytes(),
            )
        };
        let found = found(&label).or_else(|| found(&label.replace('_', "-")))?;
        (found != encoding_rs::X_USER_DEFINED).then_some(Self(found))
    }

    /// Labels to choose from.
    #[must_use]
    pub fn labels() -> &'static [&'static str] {
        USUAL_LABELS
    }

    /// Its name, which is a label, too.
    #[must_use]
    pub fn name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }

    /// Whether it is UTF-8.
    #[must_use]
    pub fn is_utf8(self) -> bool {
        self.0 == encoding_rs::UTF_8
    }

    /// Its name with that of the code page, for messages.
    fn described(self) -> String {
        let name = self.0.name();
        let more = match name {
            "EUC-KR" => " (cp949)",
            "GBK" => " (cp936)",
            "Big5" => " (cp950)",
            "Shift_JIS" => " (cp932)",
            "windows-1252" => " (latin-1)",
            _ => "",
        };
        format!("{name}{more}")
    }
}

/// Converts bytes that come piece by piece to UTF-8.
pub(crate) struct Converter(Decoder);

impl Converter {
    /// A converter for an encoding; `None` for UTF-8.
    pub fn new(encoding: Encoding) -> Option<Self> {
        (!encoding.is_utf8()).then(|| Self(encoding.0.new_decoder()))
    }

    /// Appends the characters of `bytes`; `is_last` means that no more follow.
    pub fn convert(&mut self, mut bytes: &[u8], is_last: bool, out: &mut Vec<u8>) {
        loop {
            let start = out.len();
            let room = self.0.max_utf8_buffer_length_without_replacement(bytes.len());
            out.resize(start + room.unwrap_or(READ_BYTES).max(16), 0);
            let (result, read, written) =
                self.0.decode_to_utf8_without_replacement(bytes, &mut out[start..], is_last);
            out.truncate(start + written);
            bytes = &bytes[read..];
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::Malformed(..) => out.push(WRONG),
                DecoderResult::OutputFull => {}
            }
        }
    }
}

/// Reads a text as UTF-8.
pub(crate) struct Converted<R> {
    inner: R,
    converter: Converter,
    raw: Vec<u8>,
    text: Vec<u8>,
    given: usize,
    is_done: bool,
}

impl<R: Read> Converted<R> {
    pub fn new(inner: R, converter: Converter) -> Self {
        let (raw, text) = (vec![0; READ_BYTES], Vec::new());
        Self { inner, converter, raw, text, given: 0, is_done: false }
    }
}

impl<R: Read> Read for Converted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.is_done {
            let count = self.inner.read(&mut self.raw)?;
            self.text.clear();
            self.given = 0;
            self.is_done = count == 0;
            self.converter.convert(&self.raw[..count], self.is_done, &mut self.text);
        }
        let count = buffer.len().min(self.text.len() - self.given);
        buffer[..count].copy_from_slice(&self.text[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// Whether a line that is not UTF-8 looks like one in another encoding: more of its sequences beyond ASCII are wrong
/// than right, and they are more than a rare slip in a long line.
pub(crate) fn is_foreign(line: &[u8]) -> bool {
    foreign_sequences(line) > 0
}

/// The number of wrong sequences of such a line; 0 for any other.
fn foreign_sequences(line: &[u8]) -> usize {
    let (mut wrong, mut right, mut at) = (0usize, 0usize, 0);
    while let Err(error) = str::from_utf8(&line[at..]) {
        let end = at + error.valid_up_to();
        right += wide(&line[at..end]);
        wrong += 1;
        match error.error_len() {
            Some(len) => at = end + len,
            None => {
                at = line.len();
                break;
            }
        }
    }
    right += wide(&line[at..]);
    if wrong > right && wrong.saturating_mul(SLIP_BYTES) > line.len() { wrong } else { 0 }
}

/// One wrong byte in this many is a slip: of languages written in Latin letters, those with the fewest accents have one
/// in a hundred.
const SLIP_BYTES: usize = 256;

/// Characters beyond ASCII of a text in UTF-8.
fn wide(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte >= 0xc0).count()
}

/// Whether this many lines in another encoding mean that the text is in another encoding: most of its lines, or in a
/// longer text a quarter, because short lines of Latin letters often have no accent. Fewer are bad lines in a good
/// text, and a few wrong `sequences` in total prove nothing.
#[must_use]
pub fn are_most_foreign(foreign: u64, lines: u64, sequences: u64) -> bool {
    let are_most = 2 * foreign > lines || (foreign >= 16 && 4 * foreign > lines);
    are_most && sequences >= LEAST_SEQUENCES
}

/// The minimum of wrong sequences that is more than a slip or two.
const LEAST_SEQUENCES: u64 = 8;

/// The problem with the beginning of a text that should be UTF-8, if most of its lines are in another encoding;
/// `is_whole` if it is all of the text.
pub(crate) fn foreign_text(head: &[u8], is_whole: bool) -> Option<String> {
    if let Some(name) = escaped(head) {
        return Some(format!("it is in {name}, not in UTF-8{}", hint(Encoding::parse(name))));
    }
    if simdutf8::basic::from_utf8(head).is_ok() {
        return None;
    }
    let (mut lines, mut foreign, mut sequences) = (0, 0, 0);
    let mut all = Vec::new();
    let last_end = memchr::memrchr(b'\n', head).map_or_else(|| last_character(head), |end| end + 1);
    // A line that is cut off by the end of the head is ignored if there are others.
    let whole = if is_whole { head } else { &head[..last_end] };
    for line in whole.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        lines += 1;
        let wrong = if str::from_utf8(line).is_ok() { 0 } else { foreign_sequences(line) };
        if wrong > 0 {
            (foreign, sequences) = (foreign + 1, sequences + wrong as u64);
            all.extend_from_slice(line);
            all.push(b'\n');
        }
    }
    let looks = || hint(guess(&all));
    are_most_foreign(foreign, lines, sequences).then(|| match is_whole {
        true => format!(
            "{foreign} of its {} {} not UTF-8{}",
            counted(lines, "line"),
            agree(foreign, "is", "are"),
            looks()
        ),
        false => format!(
            "{foreign} of its first {} {} not UTF-8{}",
            counted(lines, "line"),
            agree(foreign, "is", "are"),
            looks()
        ),
    })
}

/// The begin of a text in an encoding other than UTF-8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// The stored bytes.
    pub raw: &'a [u8],
    /// The bytes converted to UTF-8.
    pub text: &'a [u8],
    /// Whether it is all of the text.
    pub is_whole: bool,
}

/// The problem with the beginning of a text that is not in the configured encoding.
pub(crate) fn other_text(head: Head<'_>, encoding: Encoding) -> Option<String> {
    let Head { raw, text, is_whole } = head;
    let name = encoding.described();
    let cut = last_character(raw);
    let is_utf8 = str::from_utf8(&raw[..cut]).is_ok();
    // This many characters are not valid UTF-8 by chance.
    if is_utf8 && wide(raw) >= 16 && !raw.starts_with(b"\xef\xbb\xbf") {
        return Some(format!("it is UTF-8, and corpus.encoding says {name}"));
    }
    let problem = foreign_text(text, is_whole)?;
    let problem = problem.split(" are not UTF-8").next().unwrap_or_default().to_owned();
    Some(format!("{problem} are not {name}, which corpus.encoding says"))
}

/// The end of the last whole character of UTF-8.
fn last_character(text: &[u8]) -> usize {
    let tail = text.iter().rev().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let begin = text.len().saturating_sub(tail + 1);
    match text.get(begin) {
        Some(byte) if *byte >= 0xc0 && str::from_utf8(&text[begin..]).is_err() => begin,
        _ => text.len(),
    }
}

/// The encoding of a text that is all ASCII, detected by its escapes.
fn escaped(head: &[u8]) -> Option<&'static str> {
    let finds = |mark: &[u8]| memchr::memmem::find(head, mark).is_some();
    memchr::memchr(0x1b, head)?;
    if finds(b"\x1b$)C") {
        return Some("ISO-2022-KR");
    }
    (finds(b"\x1b$B") || finds(b"\x1b$@")).then_some("ISO-2022-JP")
}

/// The kind of UTF-16 that bytes with a NUL but without a mark look like: in Latin letters every second byte is 0, and
/// in any language there are spaces and line ends between words.
pub(crate) fn utf16_without_mark(head: &[u8]) -> Option<&'static str> {
    let nuls = head.iter().filter(|byte| **byte == 0).count();
    let wide = head.iter().filter(|byte| !byte.is_ascii()).count();
    // Otherwise it is ASCII text with a NUL in it.
    if 8 * nuls < head.len() && 4 * wide < head.len() {
        return None;
    }
    let plain = |encoding: &'static encoding_rs::Encoding| {
        let (text, has_errors) = encoding.decode_without_bom_handling(&head[..head.len() & !1]);
        let is_odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        if has_errors || text.chars().any(is_odd) {
            return 0;
        }
        let of_ascii = text.chars().filter(char::is_ascii).count();
        if 200 * of_ascii < text.chars().count() { 0 } else { of_ascii }
    };
    match (plain(encoding_rs::UTF_16LE), plain(encoding_rs::UTF_16BE)) {
        (0, 0) => None,
        (little, big) if little >= big => Some("UTF-16LE"),
        _ => Some("UTF-16BE"),
    }
}

/// The encoding that bytes look like, if they are valid in it.
fn guess(bytes: &[u8]) -> Option<Encoding> {
    if is_shift_jis(bytes) {
        return Some(Encoding(encoding_rs::SHIFT_JIS));
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let found = detector.guess(None, Utf8Detection::Deny);
    let has_errors = found.decode_without_bom_handling(bytes).1;
    (!has_errors).then_some(Encoding(found))
}

/// Whether bytes are Japanese with as much kana as Japanese has; the detector takes some of it for
/// Cyrillic.
fn is_shift_jis(bytes: &[u8]) -> bool {
    let (text, has_errors) = encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes);
    let count = |is_it: fn(&char) -> bool| text.chars().filter(is_it).count();
    let kana = count(|c| matches!(c, '\u{3040}'..='\u{30ff}'));
    let wide = count(|c| !c.is_ascii());
    !has_errors && kana > 0 && 4 * kana > wide
}

/// The description of an encoding that a text looks like.
fn hint(encoding: Option<Encoding>) -> String {
    match encoding {
        Some(encoding) => {
            let (described, name) = (encoding.described(), encoding.name());
            format!(", it looks like {described}: corpus.encoding = \"{name}\" reads it")
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
