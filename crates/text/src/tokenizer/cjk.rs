//! The tokeniser `cjk`: Chinese, Japanese, Thai, Khmer, Lao and Burmese by dictionaries and models of ICU, compiled in (feature `cjk`).
//!
//! ASCII is cut as by `words`; other pieces by ICU4X's word segmenter, keeping the segments with a letter or a digit.

/// Calls `emit` with each word of a text that is not ASCII.
#[cfg(feature = "cjk")]
pub(super) fn split(text: &str, emit: &mut impl FnMut(&str)) {
    use icu_segmenter::WordSegmenter;
    use icu_segmenter::options::WordBreakInvariantOptions;

    let segmenter = WordSegmenter::new_auto(WordBreakInvariantOptions::default());
    let mut start = 0;
    for (end, kind) in segmenter.segment_str(text).iter_with_word_type() {
        if kind.is_word_like() {
            emit(&text[start..end]);
        }
        start = end;
    }
}

/// As `words`; without the feature this tokeniser was refused earlier.
#[cfg(not(feature = "cjk"))]
pub(super) fn split(text: &str, emit: &mut impl FnMut(&str)) {
    super::words::split(super::config::WordRules::default(), text, emit);
}

/// Marks at which every word ends.
fn is_mark(c: char) -> bool {
    super::whitespace::is_separator(c)
        || matches!(
            c,
            '\u{3001}' | '\u{3002}' | '\u{300a}'..='\u{3011}' | '！' | '，' | '；' | '？'
        )
}

/// Where the text may be cut, whatever follows it: after the last mark that always separates words.
pub(super) fn last_boundary(text: &str) -> Option<usize> {
    let (at, mark) = text.char_indices().rfind(|(_, c)| is_mark(*c))?;
    Some(at + mark.len_utf8())
}
