//! The tags that MediaWiki knows, by how they are removed; others are text.

/// Removed with their content.
const DROPPED: &str = "\
    ref math chem ce gallery timeline score syntaxhighlight source imagemap style script templatestyles templatedata \
    graph mapframe maplink hiero references inputbox categorytree includeonly section indicator phonos";
/// Removed without their content.
const KEPT: &str = "\
    abbr b bdi bdo big blockquote br caption center cite code data dd del dfn div dl dt em figure font h1 h2 h3 h4 h5 h6 \
    hr i ins kbd languages li link mark meta noinclude nowiki ol onlyinclude p poem pre q rb rp rt rtc ruby s samp small \
    span strike strong sub sup table tbody td tfoot th thead time tr translate tt tvar u ul var wbr";
/// Those of them that separate words.
const BLOCKS: &str = "\
    blockquote br caption center dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p poem pre rp rt table td th tr ul";

fn has(list: &str, name: &str) -> bool {
    !name.is_empty() && list.split_ascii_whitespace().any(|known| known == name)
}

/// Whether a tag is removed with its content; if it has no end, only the tag is.
pub(super) fn is_dropped(name: &str) -> bool {
    has(DROPPED, name)
}

/// Whether it is a tag at all.
pub(super) fn is_tag(name: &str) -> bool {
    has(KEPT, name) || is_dropped(name)
}

/// Whether the tag separates words.
pub(super) fn is_block(name: &str) -> bool {
    has(BLOCKS, name)
}
