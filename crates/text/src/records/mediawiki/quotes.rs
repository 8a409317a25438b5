//! Apostrophes: which of a sequence are marks of bold and italic, and which are text.
//!
//! MediaWiki processes one line at a time (`Parser::doQuotes`). Two apostrophes are italic, three bold, five both; of
//! four the first is text, of more than five all but the last five. If both bold and italic are open at the end of the
//! line, one of the bold marks becomes an apostrophe and an italic mark: one after a word of one letter if possible,
//! else after a longer word, else after a space.

/// Appends the text without the marks of each line.
pub(super) fn leave_out_marks(text: &str, out: &mut String) {
    for line in text.split_inclusive('\n') {
        match line.contains("''") {
            true => leave_out_of_line(line, out),
            false => out.push_str(line),
        }
    }
}

fn leave_out_of_line(line: &str, out: &mut String) {
    let text_marks = text_marks(line);
    let mut rest = line;
    let mut number = 0;
    while let Some(at) = rest.find("''") {
        out.push_str(&rest[..at]);
        let marks = run(&rest[at..]);
        let is_text = text_marks == Some(number);
        let kept = match marks {
            4 => 1,
            6.. => marks - 5,
            _ => 0,
        };
        let kept = kept + usize::from(is_text);
        out.push_str(&rest[at..at + kept]);
        rest = &rest[at + marks..];
        number += 1;
    }
    out.push_str(rest);
}

/// How many apostrophes `text` begins with.
fn run(text: &str) -> usize {
    text.len() - text.trim_start_matches('\'').len()
}

/// The number of the bold mark whose first apostrophe is text, if one has to be.
fn text_marks(line: &str) -> Option<usize> {
    let (mut bold, mut italic, mut number, mut at) = (0, 0, 0, 0);
    let (mut letter, mut word, mut space) = (None, None, None);
    while let Some(found) = line[at..].find("''") {
        let begin = at + found;
        let marks = run(&line[begin..]);
        at = begin + marks;
        match marks {
            2 => italic += 1,
            3 | 4 => {
                bold += 1;
                // The text before the three: of four, the apostrophe that is text.
                let before = &line.as_bytes()[..at - 3];
                let last = before.last().copied();
                let last_but_one = before.len().checked_sub(2).map(|place| before[place]);
                let place = match (last, last_but_one) {
                    (Some(b' '), _) => &mut space,
                    (_, Some(b' ')) => &mut letter,
                    _ => &mut word,
                };
                place.get_or_insert(number);
            }
            _ => (bold, italic) = (bold + 1, italic + 1),
        }
        number += 1;
    }
    let is_open = bold % 2 == 1 && italic % 2 == 1;
    letter.or(word).or(space).filter(|_| is_open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apostrophes_that_are_text_stay() {
        let check = |text: &str, expected: &str| {
            let mut out = String::new();
            leave_out_marks(text, &mut out);
            assert_eq!(out, expected, "{text}");
        };
        check("''a'' '''b''' '''''c'''''", "a b c");
        check("C'''Orange'' mûre", "C'Orange mûre");
        check("dell'''Uva'' nera", "dell'Uva nera");
        check("''Wren'''s nest", "Wren's nest");
        check("l''''olmo''' alto", "l'olmo alto");
        check("''''''six''''''", "'six'");
        check("'''bold''' and l'''Eau'' and '''more'''", "bold and l'Eau and more");
        // A word of one letter has priority over a longer one, that over a space.
        check("wo'''rd a l'''x '''y''", "word a l'x y");
        check(" '''x wo'''rd '''y ''", " x wo'rd y ");
        check(" '''x''", " 'x");
        // Each line separately.
        check("''a\nb'''\nc'''d''", "a\nb\nc'd");
        check("rock 'n' roll", "rock 'n' roll");
    }
}
