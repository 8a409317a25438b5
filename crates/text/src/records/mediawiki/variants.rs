//! Text in several scripts or spellings of one language: `-{zh-hans:…; zh-hant:…}-` becomes one of them, always of the
//! same kind.
//!
//! A *variant* is such a spelling, by its code. Wikis of other languages have no variants, and the marks are text
//! there. The syntax is MediaWiki's (<https://www.mediawiki.org/wiki/Writing_systems/Syntax>). Text outside of the
//! marks is not converted.

use std::borrow::Cow;

/// Languages with variants, and their codes: the first variant that exists is used.
const VARIANTS: &[(&str, &[&str])] = &[
    ("zh", &["zh-cn", "zh-hans", "zh-sg", "zh-my", "zh", "zh-tw", "zh-hant", "zh-hk", "zh-mo"]),
    ("gan", &["gan-hans", "gan", "gan-hant"]),
    ("wuu", &["wuu-hans", "wuu", "wuu-hant"]),
    ("sr", &["sr-ec", "sr-cyrl", "sr", "sr-el", "sr-latn"]),
    ("sh", &["sh-latn", "sh", "sh-cyrl"]),
    ("kk", &["kk-cyrl", "kk-kz", "kk", "kk-latn", "kk-tr", "kk-arab", "kk-cn"]),
    ("ku", &["ku-latn", "ku", "ku-arab"]),
    ("iu", &["ike-cans", "iu", "ike-latn"]),
    ("shi", &["shi-latn", "shi", "shi-tfng"]),
    ("tg", &["tg", "tg-cyrl", "tg-latn"]),
    ("tly", &["tly", "tly-latn", "tly-cyrl"]),
    ("uz", &["uz-latn", "uz", "uz-cyrl"]),
    ("crh", &["crh-latn", "crh", "crh-cyrl"]),
    ("ban", &["ban", "ban-x-dharma", "ban-x-palmleaf", "ban-x-pku", "ban-bali"]),
];

/// The codes of a language, the preferred ones first; none if it has no variants.
pub(super) fn variants(language: &str) -> &'static [&'static str] {
    VARIANTS.iter().find(|(known, _)| *known == language).map_or(&[], |(_, codes)| codes)
}

/// The text with one variant of each choice.
pub(super) fn choose<'a>(text: &'a str, codes: &[&str]) -> Cow<'a, str> {
    if codes.is_empty() || !text.contains("-{") {
        return Cow::Borrowed(text);
    }
    // The text outside, then that of each open choice.
    let mut open: Vec<String> = vec![String::with_capacity(text.len())];
    let (mut rest, mut before) = (text, text);
    while let Some(at) = memchr::memchr2(b'-', b'}', rest.as_bytes()) {
        let mark = &rest[at..];
        let is_begin = mark.starts_with("-{") && !mark.starts_with("-{{");
        let is_end = mark.starts_with("}-") && open.len() > 1;
        if !is_begin && !is_end {
            rest = &rest[at + 1..];
            continue;
        }
        let plain = &before[..before.len() - mark.len()];
        open.last_mut().expect("the text outside").push_str(plain);
        if is_begin {
            open.push(String::new());
        } else {
            let choice = open.pop().expect("it was counted");
            open.last_mut().expect("the text outside").push_str(shown(&choice, codes));
        }
        rest = &mark[2..];
        before = rest;
    }
    open.last_mut().expect("the text outside").push_str(before);
    // Marks without an end are text.
    Cow::Owned(open.join("-{"))
}

/// The text that a choice shows.
fn shown<'a>(choice: &'a str, codes: &[&str]) -> &'a str {
    let (flags, rules) = match choice.split_once('|') {
        Some((flags, rules)) if !flags.contains(['[', '{', ':']) => (flags, rules),
        _ => ("", choice),
    };
    let flags: Vec<&str> = flags.split(';').map(str::trim).collect();
    let has = |flag: &str| flags.contains(&flag);
    // Taken literally; a text for some variants only.
    if has("R") || flags.iter().any(|flag| codes.contains(flag)) {
        return rules;
    }
    // The name of a variant, the end of a rule, a rule for elsewhere, a title.
    if has("N") || has("-") || has("H") || (has("T") && !has("A")) {
        return "";
    }
    let Some(texts) = texts(rules, codes) else { return rules };
    let of = |code: &&str| texts.iter().find(|(of, _)| of == code).map(|(_, text)| *text);
    codes.iter().find_map(of).or(texts.first().map(|(_, text)| *text)).unwrap_or(rules)
}

/// The texts of the variants; `None` if these are not rules but text.
fn texts<'a>(rules: &'a str, codes: &[&str]) -> Option<Vec<(String, &'a str)>> {
    let code = |rule: &str| {
        let name = rule.split_once(':')?.0;
        let name = name.rsplit("=>").next().unwrap_or(name).trim().to_lowercase();
        codes.contains(&name.as_str()).then_some(name)
    };
    let mut found = Vec::new();
    let mut begin = 0;
    let ends = rules.match_indices(';').map(|(at, _)| at).chain([rules.len()]);
    for end in ends {
        // A mark that is not followed by a code or an end belongs to the text.
        let next = &rules[(end + 1).min(rules.len())..];
        if code(next).is_none() && !next.trim().is_empty() {
            continue;
        }
        let rule = &rules[begin..end];
        begin = (end + 1).min(rules.len());
        if rule.trim().is_empty() {
            continue;
        }
        let (_, text) = rule.split_once(':')?;
        found.push((code(rule)?, text.trim()));
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_variant_is_shown() {
        let check = |language: &str, text: &str, expected: &str| {
            assert_eq!(choose(text, variants(language)), expected, "{text}");
        };
        check("zh", "a-{zh-hans:软件; zh-hant:軟體;}-b", "a软件b");
        check("zh", "a-{zh-hant:軟體; zh-hans:软件}-b", "a软件b");
        check("zh", "-{zh-tw:計程車;zh-hk:的士}-", "計程車");
        check("zh", "-{A|zh-cn:软件;zh-tw:軟體}--{H|zh-cn:甲;zh-tw:乙}-", "软件");
        check("zh", "-{T|zh-cn:题;zh-tw:題}-x-{-|zh-cn:甲;zh-tw:乙}-y-{N|zh-cn}-", "xy");
        check("zh", "-{云}- -{R|zh-cn:甲}- -{zh-hans;zh-hant|甲}- -{zh:山;}-", "云 zh-cn:甲 甲 山");
        check("zh", "-{H|巨集=>zh-cn:宏;}-x-{巨集=>zh-cn:宏}-", "x宏");
        check("zh", "-{zh-cn:a&nbsp;b;c;zh-tw:d}-", "a&nbsp;b;c");
        check("zh", "-{zh-cn:外-{zh-cn:内;zh-tw:內}-;zh-tw:x}-", "外内");
        check("zh", "-{[[a|b]]}- -{http://a.org/b:c}-", "[[a|b]] http://a.org/b:c");
        check("zh", "a -{ b }- -{ c", "a  b  -{ c");
        check("zh", "x}- -{{a}}-", "x}- -{{a}}-");
        check("sr", "-{sr-ec:град; sr-el:grad}- -{SMS}-", "град SMS");
        check("en", "a -{b}- c", "a -{b}- c");
    }

    #[test]
    fn choices_without_end_take_no_longer_than_the_text() {
        let text = "-{".repeat(300_000);
        assert_eq!(choose(&text, variants("zh")), text);
    }
}
