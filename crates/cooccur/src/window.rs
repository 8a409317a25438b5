//! The sliding window over a stream of word ids: which pairs meet, at which distance.
//!
//! A [`Window`] remembers the last W places of the current line. Lines may be of any length and may
//! come in pieces; the memory is W places.

use wordmill_formats::NO_WORD;

use crate::weighting::{Dropped, WindowConfig};

/// The last places of the current line, newest last.
#[derive(Debug)]
pub(crate) struct Window {
    places: Vec<u32>,
    window: usize,
    dropped: Dropped,
}

impl Window {
    /// An empty window.
    pub fn new(config: &WindowConfig) -> Self {
        let window = usize::from(config.window);
        Self { places: Vec::with_capacity(2 * window), window, dropped: config.dropped }
    }

    /// Forgets the line.
    pub fn clear(&mut self) {
        self.places.clear();
    }

    /// Puts places of an earlier piece of the same line in front; `older` is in text order.
    pub fn prepend(&mut self, older: &[u32]) {
        self.places.splice(0..0, older.iter().copied());
    }

    /// Takes the next id ([`NO_WORD`] for one outside the vocabulary) and hands over each earlier
    /// word in reach: `pair(id, earlier id, distance − 1)`.
    #[inline]
    pub fn push(&mut self, id: u32, mut pair: impl FnMut(u32, u32, usize)) {
        if id == NO_WORD {
            if self.dropped == Dropped::Gap {
                self.keep(id);
            }
            return;
        }
        let start = self.places.len().saturating_sub(self.window);
        for (reach, &earlier) in self.places[start..].iter().rev().enumerate() {
            if earlier != NO_WORD {
                pair(id, earlier, reach);
            }
        }
        self.keep(id);
    }

    #[inline]
    fn keep(&mut self, id: u32) {
        if self.places.len() >= 2 * self.window {
            self.places.drain(..self.places.len() - self.window + 1);
        }
        self.places.push(id);
    }
}
