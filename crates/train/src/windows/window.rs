//! The windows of a piece: which places are around each of its words.
//!
//! Places are translated once, each to the slot of its row, and a window is two slices of these. Weights
//! by distance are stored in a row, farthest left to farthest right, so those of a window are one slice.

use std::ops::Range;

use wordmill_kernels::Window;

use super::config::Reach;
use super::text::END;

/// How far a window reaches within its line.
#[derive(Clone, Copy, Default)]
pub(crate) struct ContextWindow {
    at: usize,
    left: usize,
    right: usize,
}

impl ContextWindow {
    /// Whether nothing is there.
    pub fn is_empty(self) -> bool {
        self.left + self.right == 0
    }

    /// Number of neighbours.
    pub fn len(self) -> usize {
        self.left + self.right
    }
}

/// Weights of the neighbours at distances W to 1 on the left and 1 to W on the right.
pub(crate) fn weights(reach: Reach, window: u32) -> Vec<f32> {
    let weight = |distance: u32| match reach {
        Reach::Dynamic => 1.0,
        Reach::Expected => (window as f32 + 1.0 - distance as f32) / window as f32,
    };
    (1..=window).rev().chain(1..=window).map(weight).collect()
}

/// Places of a piece and of its surroundings, as slots; [`END`] stays.
#[derive(Default)]
pub(crate) struct Places {
    slots: Vec<u32>,
    /// The line of the last window.
    line: Range<usize>,
}

impl Places {
    /// Other places.
    pub fn fill(&mut self, slots: impl Iterator<Item = u32>) {
        self.slots.clear();
        self.slots.extend(slots);
        self.line = 0..0;
    }

    /// The window of a word with this reach. Words must be requested from left to right.
    pub fn around(&mut self, at: usize, reach: usize) -> ContextWindow {
        let is_end = |slot: &u32| *slot == END;
        if at >= self.line.end {
            let start = self.slots[..at].iter().rposition(is_end).map_or(0, |end| end + 1);
            let len = self.slots[at..].iter().position(is_end);
            self.line = start..len.map_or(self.slots.len(), |len| at + len);
        }
        let [left, right] = [at - self.line.start, self.line.end - at - 1];
        ContextWindow { at, left: left.min(reach), right: right.min(reach) }
    }

    /// The places around a word.
    pub fn window<'a>(
        &'a self,
        around: ContextWindow,
        weights: &'a [f32],
        scale: f32,
    ) -> Window<'a> {
        let ContextWindow { at, left, right } = around;
        let middle = weights.len() / 2;
        Window {
            left: &self.slots[at - left..at],
            right: &self.slots[at + 1..at + 1 + right],
            weights: &weights[middle - left..middle + right],
            scale,
        }
    }
}

/// Each neighbour with its weight.
pub(crate) fn neighbours<'a>(window: &Window<'a>) -> impl Iterator<Item = (u32, f32)> + use<'a> {
    let slots = window.left.iter().chain(window.right);
    slots.copied().zip(window.weights.iter().copied())
}
