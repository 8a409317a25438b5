//! The continuations of word prefixes: counts and branching entropies, from words in the order of their bytes.
//!
//! The prefixes of the current word are on a stack, one per character. A prefix is complete when a word comes that does
//! not begin with it, so any number of words takes memory for only one. The end of a word counts as one more character
//! that follows.

use wordmill_kernels::real;

/// Statistics of a prefix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Beginning<'a> {
    /// The characters.
    pub chars: &'a [char],
    /// Occurrences of words with this prefix.
    pub count: u64,
    /// Number of different characters that follow it.
    pub variety: u32,
    /// Entropy of the character that follows it, in nats (Harris 1955; Jin & Tanaka-Ishii 2006).
    pub entropy: f64,
}

#[derive(Default)]
struct Node {
    count: u64,
    variety: u32,
    /// Σ n ln n over the characters that follow.
    sum: f64,
}

impl Node {
    fn follow(&mut self, count: u64) {
        self.count += count;
        self.variety += 1;
        self.sum += count as f64 * real::ln(count as f64);
    }

    /// ln N − (Σ n ln n) / N.
    fn entropy(&self) -> f64 {
        let all = self.count as f64;
        (real::ln(all) - self.sum / all).max(0.0)
    }
}

/// The prefixes of the current word.
#[derive(Default)]
pub(super) struct Beginnings {
    chars: Vec<char>,
    nodes: Vec<Node>,
}

impl Beginnings {
    /// Takes the next word, and calls `each` with all prefixes that are complete now, longer ones first.
    pub(super) fn push<E>(
        &mut self,
        word: impl Iterator<Item = char>,
        count: u64,
        mut each: impl FnMut(Beginning<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut word = word.peekable();
        let mut shared = 0;
        while shared < self.chars.len() && word.next_if_eq(&self.chars[shared]).is_some() {
            shared += 1;
        }
        self.pop_to(shared, &mut each)?;
        for c in word {
            self.chars.push(c);
            self.nodes.push(Node::default());
        }
        if let Some(last) = self.nodes.last_mut() {
            last.follow(count);
        }
        Ok(())
    }

    /// Ends the words; calls `each` with the remaining prefixes.
    pub(super) fn end<E>(
        &mut self,
        mut each: impl FnMut(Beginning<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.pop_to(0, &mut each)
    }

    fn pop_to<E>(
        &mut self,
        len: usize,
        each: &mut impl FnMut(Beginning<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.nodes.len() > len {
            let node = self.nodes.pop().expect("there are more");
            let (count, variety, entropy) = (node.count, node.variety, node.entropy());
            each(Beginning { chars: &self.chars, count, variety, entropy })?;
            self.chars.pop();
            if let Some(before) = self.nodes.last_mut() {
                before.follow(count);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn prefixes_are_those_of_all_words() {
        let words =
            [("ab", 3), ("aba", 2), ("abc", 5), ("b", 1), ("bab", 4), ("한국", 2), ("한국어", 7)];
        let mut found = BTreeMap::new();
        let mut beginnings = Beginnings::default();
        let mut note = |it: Beginning<'_>| {
            let text: String = it.chars.iter().collect();
            assert!(found.insert(text, (it.count, it.variety, it.entropy)).is_none());
            Ok::<_, ()>(())
        };
        for (word, count) in words {
            beginnings.push(word.chars(), count, &mut note).unwrap();
        }
        beginnings.end(&mut note).unwrap();
        let mut expected: BTreeMap<String, BTreeMap<Option<char>, u64>> = BTreeMap::new();
        for (word, count) in words {
            let chars: Vec<char> = word.chars().collect();
            for at in 1..=chars.len() {
                let begin = chars[..at].iter().collect::<String>();
                *expected.entry(begin).or_default().entry(chars.get(at).copied()).or_default() +=
                    count;
            }
        }
        assert_eq!(found.len(), expected.len());
        for (begin, follows) in expected {
            let all = follows.values().sum::<u64>();
            let entropy: f64 = follows
                .values()
                .map(|n| *n as f64 / all as f64)
                .map(|share| -share * share.ln())
                .sum();
            let (count, variety, found) = found[&begin];
            assert_eq!((count, variety as usize), (all, follows.len()), "{begin}");
            assert!((found - entropy).abs() < 1e-12, "{begin}: {found} {entropy}");
        }
    }
}
