//! The manual inside the program: the pages of `docs`, as `wordmill help TOPIC` prints them.

/// A page of the manual.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// What `help` calls it.
    pub name: &'static str,
    /// Its path below `docs`.
    pub path: &'static str,
    text: &'static str,
}

macro_rules! topics {
    ($($name:literal: $path:literal,)*) => {
        &[$(Topic { name: $name, path: $path, text: include_str!(concat!("../docs/", $path)) },)*]
    };
}

/// All pages, in the order of the manual.
pub const TOPICS: &[Topic] = topics! {
    "tutorial": "tutorial.md",
    "gensim": "guides/from-gensim.md",
    "word2vec": "guides/from-word2vec.md",
    "fasttext": "guides/from-fasttext.md",
    "glove": "guides/from-glove.md",
    "text": "guides/reading-text.md",
    "languages": "guides/languages.md",
    "phrases": "guides/phrases.md",
    "large-corpora": "guides/large-corpora.md",
    "vectors": "guides/using-vectors.md",
    "counts": "guides/matrix.md",
    "losses": "guides/losses.md",
    "slurm": "guides/slurm.md",
    "troubleshooting": "guides/troubleshooting.md",
    "settings": "reference/settings.md",
    "commands": "reference/commands.md",
    "files": "reference/files.md",
    "json": "reference/json.md",
    "glossary": "glossary.md",
    "tiles": "explanation/tiles.md",
    "exact-counts": "explanation/exact-counts.md",
    "same-bytes": "explanation/same-bytes.md",
    "memory": "explanation/memory.md",
    "speed": "explanation/speed.md",
    "benchmarks": "benchmarks.md",
};

impl Topic {
    /// Its heading.
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// The page as plain text: a link becomes its words and where to find the other page.
    pub fn page(&self) -> String {
        let (mut page, mut rest) = (String::new(), self.text);
        while let Some(link) = next_link(rest) {
            page += &rest[..link.start];
            page += &rest[link.words.clone()];
            let target = &rest[link.target.clone()];
            if target.starts_with("http") {
                page += &format!(" <{target}>");
            } else if let Some(other) = named(target) {
                page += &format!(" (`wordmill help {}`)", other.name);
            }
            rest = &rest[link.target.end + 1..];
        }
        page + rest
    }
}

/// The page that a link leads to.
fn named(target: &str) -> Option<&'static Topic> {
    let file = |path: &'static str| path.rsplit('/').next();
    let target = target.split('#').next().and_then(|path| path.rsplit('/').next());
    TOPICS.iter().find(|topic| file(topic.path) == target)
}

/// Where a link of Markdown is in a text.
struct Link {
    start: usize,
    words: std::ops::Range<usize>,
    target: std::ops::Range<usize>,
}

/// The first link, `[words](target)`.
fn next_link(text: &str) -> Option<Link> {
    let mut from = 0;
    while let Some(middle) = text[from..].find("](").map(|at| from + at) {
        let start = text[..middle].rfind('[');
        let end = text[middle..].find(')').map(|at| middle + at);
        match (start, end) {
            (Some(start), Some(end)) if !text[middle..end].contains([' ', '\n']) => {
                return Some(Link { start, words: start + 1..middle, target: middle + 2..end });
            }
            _ => from = middle + 2,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn docs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
    }

    #[test]
    fn a_page_was_missing_in_the_program() {
        let mut folders = vec![docs()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|it| it == "md") {
                    let name = path.strip_prefix(docs()).unwrap();
                    let known = TOPICS.iter().any(|topic| Path::new(topic.path) == name);
                    assert!(known || name == Path::new("README.md"), "{}", name.display());
                }
            }
        }
    }

    #[test]
    fn links_become_words() {
        let topic = |text| Topic { name: "", path: "", text };
        let page = |text| topic(text).page();
        assert_eq!(page("see [the other](a.md#b), x"), "see the other, x");
        assert_eq!(page("[a](../guides/slurm.md#b)"), "a (`wordmill help slurm`)");
        assert_eq!(page("[a](https://b.c)."), "a <https://b.c>.");
        assert_eq!(page("x[1](2 3) [a](b)"), "x[1](2 3) a");
        assert_eq!(page("no link"), "no link");
        assert!(
            TOPICS.iter().all(|topic| !topic.title().is_empty() && !topic.page().contains("]("))
        );
    }
}
