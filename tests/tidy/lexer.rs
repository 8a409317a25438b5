//! Separates code from comments and strings, and finds functions, blocks and test modules.
//!
//! [`split`] returns the same text twice with the same lines and columns: once with only the code
//! left, once with only the comments. Literals are in neither. It knows no more of the grammar.

/// A split source text; both halves have the lines and columns of the whole.
#[derive(Clone, Debug)]
pub struct Split {
    /// Code; comments and literals are blank.
    pub code: String,
    /// Comments; everything else is blank.
    pub comments: String,
}

/// A function with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    /// The line of `fn`, from 1.
    pub line: usize,
    /// Lines from `fn` to the closing brace.
    pub lines: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// Splits a source text.
pub fn split(source: &str) -> Split {
    let chars: Vec<char> = source.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    while at < chars.len() {
        let (part, end) = next_part(&chars, at);
        for &c in &chars[at..end.min(chars.len())] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if part == Part::Code { c } else { blank });
            comments.push(if part == Part::Comment { c } else { blank });
        }
        at = end;
    }
    Split { code, comments }
}

/// The kind of the token at `at`, and its end.
fn next_part(chars: &[char], at: usize) -> (Part, usize) {
    let char_at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    match chars[at] {
        '/' if char_at(at + 1) == '/' => (Part::Comment, line_end(chars, at)),
        '/' if char_at(at + 1) == '*' => (Part::Comment, block_comment_end(chars, at)),
        '"' => (Part::Literal, quoted_end(chars, at, '"')),
        '\'' if char_at(at + 1) == '\\' => (Part::Literal, quoted_end(chars, at, '\'')),
        '\'' if char_at(at + 2) == '\'' => (Part::Literal, at + 3),
        c if is_word(c) => word_part(chars, at),
        _ => (Part::Code, at + 1),
    }
}

/// A word, or the literal that it is the prefix of.
fn word_part(chars: &[char], at: usize) -> (Part, usize) {
    let rest = &chars[at..];
    let end = at + rest.iter().take_while(|&&c| is_word(c)).count();
    let prefix: String = chars[at..end].iter().collect();
    if !matches!(prefix.as_str(), "r" | "br" | "cr") {
        return (Part::Code, end);
    }
    let hashes = chars[end..].iter().take_while(|&&c| c == '#').count();
    match chars.get(end + hashes) {
        Some('"') => (Part::Literal, raw_end(chars, end + hashes + 1, hashes)),
        _ => (Part::Code, end),
    }
}

fn line_end(chars: &[char], at: usize) -> usize {
    at + chars[at..].iter().take_while(|&&c| c != '\n').count()
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut i) = (0, at);
    while i < chars.len() {
        match chars[i..] {
            ['/', '*', ..] => (depth, i) = (depth + 1, i + 2),
            ['*', '/', ..] => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// The end of a literal with backslash escapes.
fn quoted_end(chars: &[char], at: usize, quote: char) -> usize {
    let mut i = at + 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn raw_end(chars: &[char], start: usize, hashes: usize) -> usize {
    let closes = |i: usize| {
        let tail = chars[i + 1..].iter().take(hashes);
        chars[i] == '"' && tail.filter(|&&c| c == '#').count() == hashes
    };
    let end = (start..chars.len()).find(|&i| closes(i));
    end.map_or(chars.len(), |i| i + 1 + hashes)
}

/// Whether a character may be in a name.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every function of a text that [`split`] left as code.
pub fn functions(code: &str) -> Vec<Function> {
    let chars: Vec<char> = code.chars().collect();
    let named = |at: &usize| {
        let next = chars[at + 2..].iter().find(|c| !c.is_whitespace());
        next.is_some_and(|&c| is_word(c) || c == '$')
    };
    let starts = word_positions(&chars, "fn").into_iter().filter(named);
    starts
        .filter_map(|start| {
            let end = block_end(&chars, start)?;
            let name = chars[start + 2..].iter().skip_while(|c| c.is_whitespace());
            Some(Function {
                name: name.take_while(|&&c| is_word(c) || c == '$').collect(),
                line: line_of(&chars, start),
                lines: line_of(&chars, end) - line_of(&chars, start) + 1,
            })
        })
        .collect()
}

/// First and last line of every item under `#[cfg(test)]`, from 1.
pub fn test_items(code: &str) -> Vec<(usize, usize)> {
    let chars: Vec<char> = code.chars().collect();
    let starts = find_all(&chars, "#[cfg(test)]");
    let items = starts.into_iter().filter_map(|start| {
        let end = block_end(&chars, start + "#[cfg(test)]".len())?;
        Some((line_of(&chars, start), line_of(&chars, end)))
    });
    items.collect()
}

/// Names of the modules that have their own files and are only compiled for tests.
pub fn test_modules(code: &str) -> Vec<String> {
    let after = code.split("#[cfg(test)]").skip(1);
    after
        .filter_map(|text| {
            let (name, _) = text.trim_start().strip_prefix("mod ")?.split_once(';')?;
            name.chars().all(is_word).then(|| name.to_owned())
        })
        .collect()
}

/// Lines on which a word occurs, from 1; once for each occurrence.
pub fn word_lines(text: &str, word: &str) -> Vec<usize> {
    let chars: Vec<char> = text.chars().collect();
    let found = word_positions(&chars, word).into_iter();
    found.map(|at| line_of(&chars, at)).collect()
}

/// Lines of every `unsafe` that opens a block, from 1.
pub fn unsafe_blocks(code: &str) -> Vec<usize> {
    let chars: Vec<char> = code.chars().collect();
    let opens = |at: &usize| {
        let next = chars[at + "unsafe".len()..].iter().find(|c| !c.is_whitespace());
        next == Some(&'{')
    };
    let blocks = word_positions(&chars, "unsafe").into_iter().filter(opens);
    blocks.map(|at| line_of(&chars, at)).collect()
}

fn word_positions(chars: &[char], word: &str) -> Vec<usize> {
    let length = word.chars().count();
    let (opens, closes) = (word.starts_with(is_word), word.ends_with(is_word));
    let alone = |&at: &usize| {
        let before = opens && at > 0 && is_word(chars[at - 1]);
        let after = closes && chars.get(at + length).is_some_and(|&c| is_word(c));
        !before && !after
    };
    find_all(chars, word).into_iter().filter(alone).collect()
}

fn find_all(chars: &[char], pattern: &str) -> Vec<usize> {
    let pattern: Vec<char> = pattern.chars().collect();
    let windows = chars.windows(pattern.len()).enumerate();
    let found = windows.filter(|(_, window)| *window == pattern);
    found.map(|(at, _)| at).collect()
}

/// The brace that closes the first block after `start`; `None` if the item ends without one.
fn block_end(chars: &[char], start: usize) -> Option<usize> {
    let (mut braces, mut others) = (0_i32, 0_i32);
    for (i, c) in chars.iter().enumerate().skip(start) {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            '{' if braces > 0 || others == 0 => braces += 1,
            '}' if braces == 1 => return Some(i),
            '}' if braces > 0 => braces -= 1,
            ';' if braces == 0 && others == 0 => return None,
            _ => {}
        }
    }
    None
}

fn line_of(chars: &[char], at: usize) -> usize {
    1 + chars[..at].iter().filter(|&&c| c == '\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, code: &str, comments: &str) {
        let split = split(source);
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&split.code), code, "code of {source}");
        assert_eq!(squeezed(&split.comments), comments, "comments of {source}");
        assert_eq!(split.code.lines().count(), source.lines().count());
    }

    #[test]
    fn comments_and_literals_are_distinguished_from_code() {
        check("a // b { \n c", "a c", "// b {");
        check("a /* b /* c */ d */ e", "a e", "/* b /* c */ d */");
        check(r#"a("// b \" {", c)"#, "a( , c)", "");
        check("a(r#\"\\\" // b\"#, br\"\\\", c)", "a( , , c)", "");
        check("let r#type = r;", "let r#type = r;", "");
        check("b'{' b\"{\" '\\'' '\"' '\\u{7b}' x", "b b x", "");
        check("fn a<'a>(b: &'a str) -> 'static", "fn a<'a>(b: &'a str) -> 'static", "");
        check("'a: loop { break 'a }", "'a: loop { break 'a }", "");
        check("\"one \\\n // two\" // three", "", "// three");
    }

    #[test]
    fn functions_are_measured() {
        let code = "fn one() {}\nfn two<const N: usize>(f: fn(u8) -> u8) -> [u8; 2]\nwhere A: B {\n\
                    if x {\n}\nfn three() {\n}\n}\ntrait T { fn four(); }\nmacro(fn $five() {\n})";
        let found: Vec<_> = functions(code)
            .into_iter()
            .map(|function| (function.name, function.line, function.lines))
            .collect();
        let expected = [("one", 1, 1), ("two", 2, 7), ("three", 6, 2), ("$five", 10, 2)];
        assert_eq!(found, expected.map(|(name, line, lines)| (name.to_owned(), line, lines)));
    }

    #[test]
    fn test_code_is_found() {
        let code = "#[cfg(test)]\nmod a;\nfn b() {}\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests {\n fn c() {}\n}";
        assert_eq!(test_modules(code), ["a"]);
        assert_eq!(test_items(code), [(4, 8)]);
    }

    #[test]
    fn only_whole_words_are_found() {
        assert_eq!(word_lines("unsafe\nunsafe_code\nan unsafe", "unsafe"), [1, 3]);
        assert_eq!(word_lines("eprintln!(a)\nprintln!(b)", "println!"), [2]);
        assert_eq!(unsafe_blocks("unsafe fn a() {\nunsafe { b }\nunsafe\n{ c }}"), [2, 3]);
    }
}
