//! Finds where the elements of a JSON array begin and end, without parsing them.
//!
//! An *element* is the text between two commas, however many lines it covers. A string without a closing quote ends
//! with its line, because a line end within a string is escaped: so one element is broken, not the rest of the file.
//! After the end of an array another may begin.

/// Finds elements in bytes that come piece by piece.
#[derive(Default)]
pub(super) struct Elements {
    /// Whether the array has begun and not ended.
    is_open: bool,
    /// Bytes of the current element that were scanned.
    seen: usize,
    /// Open brackets and braces within the element, and whether a string is open.
    depth: usize,
    is_text: bool,
    /// Whether the current element is too long and its rest is skipped.
    is_passing: bool,
}

impl Elements {
    /// Whether an array has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Drops the current element, which is too long.
    pub fn give_up(&mut self) {
        self.is_passing = true;
    }

    /// The next whole element of `raw`, which may be blank; `at` is where reading continues.
    pub fn next(&mut self, raw: &[u8], at: &mut usize) -> Option<(usize, usize)> {
        let start = *at;
        let mut place = start + self.seen;
        while place < raw.len() {
            let byte = raw[place];
            // A backslash and the character it escapes are scanned together.
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
                // A broken string keeps its line end, which shows the problem.
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
