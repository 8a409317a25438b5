//! Where the elements of a JSON array begin and end, found without parsing them.
//!
//! An *element* is what lies between two commas, however many lines it covers. A text that has no quote at its end ends with its line,
//! because a line end within a text is escaped: one element is broken then, and not the rest of the file. Behind the end of an array
//! another may begin.

/// Finds elements in bytes that come piece by piece.
#[derive(Default)]
pub(super) struct Elements {
    /// Whether the array has begun and not ended.
    is_open: bool,
    /// Bytes of the element at hand that were looked at.
    seen: usize,
    /// Brackets and braces that are open within the element, and whether a text is.
    depth: usize,
    is_text: bool,
    /// Whether the element at hand is too long and its rest is passed over.
    is_passing: bool,
}

impl Elements {
    /// Whether an array has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Goes on without the element at hand, which is too long.
    pub fn give_up(&mut self) {
        self.is_passing = true;
    }

    /// The next element of `raw` that is whole, which may be blank; `at` is where reading goes on.
    pub fn next(&mut self, raw: &[u8], at: &mut usize) -> Option<(usize, usize)> {
        let start = *at;
        let mut place = start + self.seen;
        while place < raw.len() {
            let byte = raw[place];
            // A backslash and what it escapes are looked at together.
            if self.is_text && byte == b'\\' {
                if place + 1 == raw.len() {
                    break;
                }
                place += 2;
                continue;
            }
            place += 1;
            if self.ends_element(byte) {
                *at = place;
                self.seen = 0;
                if std::mem::take(&mut self.is_passing) {
                    return self.next(raw, at);
                }
                // A broken text keeps its line end, which says what is wrong with it.
                return Some((start, if byte == b'\n' { place } else { place - 1 }));
            }
        }
        if self.is_passing {
            (*at, self.seen) = (place, 0);
        } else {
            self.seen = place - start;
        }
        None
    }

    /// Whether the element ends with a byte.
    fn ends_element(&mut self, byte: u8) -> bool {
        match byte {
            b'"' => self.is_text = !self.is_text,
            b'\n' if self.is_text => {
                (self.is_text, self.depth) = (false, 0);
                return true;
            }
            _ if self.is_text => {}
            b'[' if !self.is_open => {
                self.is_open = true;
                return true;
            }
            b'[' | b'{' => self.depth += 1,
            b']' if self.depth == 0 => {
                self.is_open = false;
                return true;
            }
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            b',' if self.depth == 0 => return true,
            _ => {}
        }
        false
    }
}
