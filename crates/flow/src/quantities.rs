//! Sizes and durations as people write them: `1GiB`, `64MB`, `1024`, `8h`, `1h30m`. Both modules are for `#[serde(with = …)]`, too.

use std::time::Duration;

/// Unit names in lower case. Powers of two and of ten are distinct, as in the IEC standard.
const SIZES: [(&str, u64); 11] = [
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("bytes", 1),
];

/// Bytes of a size such as `1GiB`, `1.5 GiB`, `64MB` or `1024`.
///
/// # Errors
/// A message with examples of sizes.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "expected a size such as \"1GiB\", \"256MiB\", \"64MB\" or \"1024\", found {text:?}"
        )
    };
    let text_end = text.trim();
    let split = text_end.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text_end.split_at(split.unwrap_or(text_end.len()));
    let unit = unit.trim().to_ascii_lowercase();
    let scale = SIZES.iter().find(|(name, _)| *name == unit);
    let scale = scale.ok_or_else(wrong)?.1;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale).ok_or_else(wrong);
    }
    let bytes = number.parse::<f64>().map_err(|_| wrong())? * scale as f64;
    // 2^63 is more than any disk and exact in f64.
    match bytes < (1u64 << 63) as f64 && scale > 1 {
        true => Ok(bytes as u64),
        false => Err(wrong()),
    }
}

/// The shortest size that parses to the same number of bytes.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fits = |(_, shift): &&(&str, u32)| bytes > 0 && bytes.is_multiple_of(1 << shift);
    match units.iter().find(fits) {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}

/// The seconds of a duration, which parse to the same duration.
#[must_use]
pub fn format_seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs())
}

/// A duration such as `90s`, `15m`, `8h` or `1h30m`.
///
/// # Errors
/// A message with examples of durations.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time such as 90s, 15m, 8h or 1h30m, found {text:?}");
    let (mut seconds, mut digits) = (0u64, String::new());
    let mut largest = u64::MAX;
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let scale = match letter {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        // Each unit once, larger ones first: `30m1h` and `1s2s` are slips.
        if scale >= largest {
            return Err(wrong());
        }
        largest = scale;
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(scale).ok_or_else(wrong)?;
        seconds = seconds.checked_add(part).ok_or_else(wrong)?;
        digits.clear();
    }
    match digits.is_empty() && seconds > 0 {
        true => Ok(Duration::from_secs(seconds)),
        false => Err(wrong()),
    }
}

/// A number of bytes as text.
pub mod size {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    /// Writes the shortest size that parses to the same number.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format_size(*bytes))
    }

    /// Reads a size.
    ///
    /// # Errors
    /// A text that is not a size.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        super::parse_size(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Whole seconds as text.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    /// Writes the seconds.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format_seconds(*time))
    }

    /// Reads a duration.
    ///
    /// # Errors
    /// A text that is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_size(text: &str, expected: Option<u64>) {
        assert_eq!(parse_size(text).ok(), expected, "{text:?}");
    }

    #[test]
    fn sizes_have_units_or_are_bytes() {
        check_size("1GiB", Some(1 << 30));
        check_size("256 MiB", Some(256 << 20));
        check_size("64MB", Some(64_000_000));
        check_size("1.5kib", Some(1536));
        check_size("1024", Some(1024));
        for wrong in ["", "GiB", "-1GiB", "1G", "1.5", "1e9", "1.2.3MB", "99999999TiB", "1GiB2"] {
            check_size(wrong, None);
        }
        for bytes in [0, 1, 1000, 1024, 3 << 20, (1 << 30) + 1, u64::MAX] {
            check_size(&format_size(bytes), Some(bytes));
        }
    }

    fn check_duration(text: &str, expected: Option<u64>) {
        let expected = expected.map(Duration::from_secs);
        assert_eq!(parse_duration(text).ok(), expected, "{text:?}");
    }

    #[test]
    fn durations_have_units() {
        check_duration("90s", Some(90));
        check_duration("15m", Some(900));
        check_duration("8h", Some(28_800));
        check_duration("1h30m", Some(5_400));
        check_duration("1d1s", Some(86_401));
        for wrong in
            ["", "8", "h", "8x", "30m1h", "1s1s", "1.5h", "-1h", "0s", "99999999999999999999s"]
        {
            check_duration(wrong, None);
        }
        check_duration(&format_seconds(Duration::from_secs(5_400)), Some(5_400));
    }
}
