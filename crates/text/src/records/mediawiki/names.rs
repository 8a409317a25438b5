//! The names in a wiki's language: files and categories, switches, redirects.
//!
//! The names are those of MediaWiki, listed in `names.tsv` with their source. A *switch* is a word such as `__NOTOC__`.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// English names of hidden name spaces, known everywhere.
const HIDDEN: &[&str] = &["file", "image", "media", "category"];

/// The table, by language.
struct Names {
    languages: HashMap<&'static str, Language>,
    /// Switches in lower case, whose case does not matter.
    switches: HashSet<&'static str>,
    /// Switches in a fixed case.
    cased_switches: HashSet<&'static str>,
    /// In lower case, with the mark at their beginning.
    redirects: Vec<&'static str>,
}

struct Language {
    /// The languages whose names apply, too.
    fallbacks: Vec<&'static str>,
    hidden: Vec<&'static str>,
}

fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| {
        let list = |text: &'static str, mark: char| text.split(mark).filter(|it| !it.is_empty());
        let mut names = Names {
            languages: HashMap::new(),
            switches: HashSet::new(),
            cased_switches: HashSet::new(),
            redirects: Vec::new(),
        };
        for line in include_str!("names.tsv").lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            let mut column = || columns.next().unwrap_or_default();
            let (language, fallbacks, of_it) = (column(), column(), column());
            match language {
                "*switches in any case" => names.switches = list(of_it, '|').collect(),
                "*switches in this case" => names.cased_switches = list(of_it, '|').collect(),
                "*redirects" => names.redirects = list(of_it, '|').collect(),
                _ => {
                    let fallbacks = list(fallbacks, ',').collect();
                    let language_of = Language { fallbacks, hidden: list(of_it, '|').collect() };
                    names.languages.insert(language, language_of);
                }
            }
        }
        names
    })
}

/// The names of files, media and categories in a language, in lower case; in every language if it is unknown.
pub(super) fn hidden(language: Option<&str>) -> HashSet<String> {
    let names = names();
    let mut found: HashSet<String> = HIDDEN.iter().map(|name| (*name).to_owned()).collect();
    let mut wanted: Vec<&str> = match language {
        Some(language) => vec![language],
        None => names.languages.keys().copied().collect(),
    };
    let mut seen = HashSet::new();
    while let Some(language) = wanted.pop() {
        if let Some(of_it) = names.languages.get(language).filter(|_| seen.insert(language)) {
            found.extend(of_it.hidden.iter().map(|name| (*name).to_owned()));
            wanted.extend(&of_it.fallbacks);
        }
    }
    found
}

/// Whether a word, with its marks, is a switch in any language.
pub(super) fn is_switch(word: &str) -> bool {
    let names = names();
    names.cased_switches.contains(word) || names.switches.contains(word.to_lowercase().as_str())
}

/// Whether the text of a page marks it as a redirect.
pub(super) fn is_redirect(text: &str) -> bool {
    let text = text.trim_start();
    if !text.starts_with(['#', '＃']) {
        return false;
    }
    let Some((word, _)) = text.split_once("[[") else { return false };
    let word = word.trim_end_matches(|c: char| c == ':' || c.is_whitespace()).to_lowercase();
    names().redirects.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_language_and_of_those_it_falls_back_on() {
        let check = |language: Option<&str>, name: &str, expected: bool| {
            assert_eq!(hidden(language).contains(name), expected, "{language:?} {name}");
        };
        check(Some("en"), "image", true);
        check(Some("en"), "bild", false);
        check(Some("sv"), "bild", true);
        check(Some("zh"), "檔案", true);
        check(Some("zh"), "图像", true);
        check(Some("ko"), "그림", true);
        check(Some("ja"), "画像", true);
        check(Some("no such"), "file", true);
        check(None, "soubor", true);
        check(None, "ファイル", true);
    }

    #[test]
    fn switches_and_redirects_are_known_in_any_language() {
        for word in
            ["__NOTOC__", "__notoc__", "__KEIN_INHALTSVERZEICHNIS__", "＿＿目次＿＿", "__INDEX__"]
        {
            assert!(is_switch(word), "{word}");
        }
        for word in ["__init__", "__START__", "__index__", "__main__"] {
            assert!(!is_switch(word), "{word}");
        }
        for text in [
            "#REDIRECT [[a]]",
            "#redirect: [[a]]",
            " #넘겨주기 [[a]]",
            "#WEITERLEITUNG[[a]]",
            "＃転送 [[a]]",
        ] {
            assert!(is_redirect(text), "{text}");
        }
        for text in ["#REDIRECT", "# one [[a]]", "a #REDIRECT [[a]]"] {
            assert!(!is_redirect(text), "{text}");
        }
    }
}
