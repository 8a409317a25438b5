//! Files of another kind than counts, recognised by their first bytes, so that a message can name them.

use wordmill_formats::compat::incoming::VectorForm;
use wordmill_formats::compat::stranger::Stranger;

/// How a matrix in MatrixMarket's format begins.
const MARKET: &[u8] = b"%%MatrixMarket";

/// What a file is that begins with `head`, if that is neither counts nor their words.
pub(super) fn other_kind(head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return None;
    }
    if head.starts_with(MARKET) {
        return Some("a matrix in MatrixMarket's format");
    }
    if head.get(6..9) == Some(&[0, 0, b'{']) {
        return Some("a safetensors file");
    }
    if let Some(stranger) = Stranger::of(head) {
        return Some(stranger.what);
    }
    match VectorForm::of_head(head)? {
        // A row of three fields may be a count as well, and a header a word with its count.
        VectorForm::Glove => None,
        VectorForm::Word2vecText if fields_of_second_line(head) < 4 => None,
        form => Some(form.what()),
    }
}

fn fields_of_second_line(head: &[u8]) -> usize {
    let second = head.split(|&byte| byte == b'\n').nth(1).unwrap_or_default();
    super::lines::fields(second).count()
}
