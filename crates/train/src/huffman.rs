//! The Huffman tree of the vocabulary (Huffman 1952), for hierarchical softmax.
//!
//! Leaves are words, most frequent first. Each merge takes the two lightest nodes and creates inner
//! node n = 0, 1, …; the root is V − 2. At equal weights a leaf comes before an inner node, the leaf
//! with the higher id and the inner node with the lower number first, so the tree is reproducible.
//! The lighter node becomes the right child.

/// A Huffman tree over V words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuffmanTree {
    words: u32,
    /// Parent of leaf `id`, then of inner node V + n, as an inner node; bit 31: a right child.
    parents: Vec<u32>,
}

/// Marks a right child in an entry of parents.
const RIGHT: u32 = 1 << 31;

impl HuffmanTree {
    /// The tree of words with these counts, most frequent first. A single word has no tree: it is
    /// its own parent in the list.
    pub fn new(counts: &[u64]) -> Self {
        let words = counts.len();
        let inner = words.saturating_sub(1);
        let mut parents = vec![0u32; words + inner];
        let mut weights: Vec<u64> = Vec::with_capacity(inner);
        let (mut leaf, mut node) = (words, 0);
        for made in 0..inner {
            let mut take = || {
                let leaf_weight = leaf.checked_sub(1).map(|id| counts[id]);
                let node_weight = weights.get(node).copied();
                let takes_leaf = match (leaf_weight, node_weight) {
                    (Some(leaf), Some(node)) => leaf <= node,
                    (leaf, _) => leaf.is_some(),
                };
                if takes_leaf {
                    leaf -= 1;
                    (leaf, counts[leaf])
                } else {
                    node += 1;
                    (words + node - 1, weights[node - 1])
                }
            };
            let (lighter, heavier) = (take(), take());
            parents[lighter.0] = made as u32 | RIGHT;
            parents[heavier.0] = made as u32;
            weights.push(lighter.1.saturating_add(heavier.1));
        }
        if let Some(root) = parents.last_mut() {
            *root = inner.saturating_sub(1) as u32;
        }
        Self { words: words as u32, parents }
    }

    /// Number of words.
    pub fn words(&self) -> u32 {
        self.words
    }

    /// Number of inner nodes: V − 1.
    pub fn nodes(&self) -> u32 {
        self.words.saturating_sub(1)
    }

    /// The parents as they are stored with the vectors.
    pub fn parents(&self) -> &[u32] {
        &self.parents
    }

    /// The parent of an inner node and whether the node is its right child; `None` for the root.
    #[inline]
    pub fn parent_of_node(&self, node: u32) -> Option<(u32, bool)> {
        let entry = self.parents[(self.words + node) as usize];
        (node + 1 < self.nodes()).then_some((entry & !RIGHT, entry & RIGHT != 0))
    }

    /// The parent of a word and whether the word is its right child.
    #[inline]
    pub fn parent_of_word(&self, word: u32) -> (u32, bool) {
        let entry = self.parents[word as usize];
        (entry & !RIGHT, entry & RIGHT != 0)
    }

    /// The nodes above a word from its parent to the root, and whether each is reached from its right
    /// child.
    pub fn path(&self, word: u32) -> impl Iterator<Item = (u32, bool)> {
        let first = (self.nodes() > 0).then(|| self.parent_of_word(word));
        std::iter::successors(first, |&(node, _)| self.parent_of_node(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depths(tree: &HuffmanTree) -> Vec<u32> {
        let depth = |word| {
            let (mut node, _) = tree.parent_of_word(word);
            let mut depth = 1;
            while let Some((parent, _)) = tree.parent_of_node(node) {
                assert!(parent > node, "parents are made after their children");
                (node, depth) = (parent, depth + 1);
            }
            assert_eq!(node, tree.nodes() - 1, "every path ends at the root");
            depth
        };
        (0..tree.words()).map(depth).collect()
    }

    #[test]
    fn the_code_is_optimal() {
        // Huffman's own example: 45, 16, 13, 12, 9, 5 costs 224.
        let counts = [45, 16, 13, 12, 9, 5];
        let cost: u64 = depths(&HuffmanTree::new(&counts))
            .iter()
            .zip(counts)
            .map(|(&d, c)| u64::from(d) * c)
            .sum();
        assert_eq!(cost, 224);
        assert_eq!(depths(&HuffmanTree::new(&[1, 1, 1, 1])), [2, 2, 2, 2]);
        assert_eq!(depths(&HuffmanTree::new(&[7, 7])), [1, 1]);
    }

    #[test]
    fn every_inner_node_has_two_children() {
        let counts: Vec<u64> = (1..=1000u64).map(|rank| 1_000_000 / rank).collect();
        let tree = HuffmanTree::new(&counts);
        let mut children = vec![(0, 0); tree.nodes() as usize];
        let words = (0..tree.words()).map(|word| tree.parent_of_word(word));
        for (parent, right) in words.chain((0..tree.nodes()).filter_map(|n| tree.parent_of_node(n)))
        {
            if right { children[parent as usize].1 += 1 } else { children[parent as usize].0 += 1 }
        }
        assert!(children.iter().all(|&pair| pair == (1, 1)));
    }
}
