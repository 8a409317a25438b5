//! Numbers in messages, with the right form of what they count.

/// A number with what it counts: `1 line`, `2 lines`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

/// The form of a word that agrees with a number: `agree(n, "is", "are")`.
#[must_use]
pub fn agree<'a>(number: u64, one: &'a str, more: &'a str) -> &'a str {
    if number == 1 { one } else { more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_was_reported_in_the_plural() {
        assert_eq!(counted(1, "time"), "1 time");
        assert_eq!([counted(0, "line"), counted(2, "line")], ["0 lines", "2 lines"]);
        assert_eq!([1, 0, 2].map(|number| agree(number, "is", "are")), ["is", "are", "are"]);
    }
}
