//! How text looks: colours where somebody sees them, and numbers that can be read at a glance.
//!
//! Colours are for a terminal only, and not where `NO_COLOR` is set to anything (no-color.org) or the terminal is `dumb`.

use std::io::IsTerminal;

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// As it should be.
    Good,
    /// Not finished.
    Open,
    /// Something has to be done.
    Bad,
    /// Of less interest.
    Quiet,
    /// A title.
    Title,
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    colours: bool,
}

impl Style {
    /// That of standard output.
    pub fn of_output() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        Self { colours: std::io::stdout().is_terminal() && set("NO_COLOR").is_none() && !dumb }
    }

    /// A text in the colour of its meaning.
    pub fn paint(self, tone: Meaning, text: &str) -> String {
        let code = match tone {
            _ if !self.colours || text.is_empty() => return text.to_owned(),
            Meaning::Good => "32",
            Meaning::Open => "33",
            Meaning::Bad => "31",
            Meaning::Quiet => "2",
            Meaning::Title => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// A count with three digits and a unit of thousands: `4.06 M`.
pub fn count(n: u64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let Some((size, unit)) = units.into_iter().find(|(size, _)| n >= 10_000 && n as f64 >= *size)
    else {
        return n.to_string();
    };
    let value = n as f64 / size;
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_digits() {
        for (n, expected) in [
            (0, "0"),
            (9_999, "9999"),
            (10_000, "10.0 k"),
            (123_456, "123 k"),
            (4_055_486, "4.06 M"),
            (9_996_000, "10.0 M"),
            (272_047_974, "272 M"),
            (42_832_095_000, "42.8 G"),
        ] {
            assert_eq!(count(n), expected);
        }
    }

    #[test]
    fn colours_stand_around_words() {
        let style = |colours| Style { colours }.paint(Meaning::Good, "done");
        assert_eq!(style(false), "done");
        assert_eq!(style(true), "\x1b[32mdone\x1b[0m");
    }
}
