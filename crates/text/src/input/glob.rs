//! Patterns of file names: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]` within a name, `**` for any number
//! of folders.
//!
//! A *pattern* is split at `/` and matched folder by folder. Hidden names match only if the pattern itself begins with
//! a dot. Links to folders are followed, and each folder is searched once. The matches are sorted by the bytes of their
//! paths.
//!
//! The package `globset` is not used: its `?` matches a byte, not a character, it gives braces a meaning, and it
//! refuses a range such as `[z-a]`. `walkdir` neither searches each folder only once nor visits linked folders last.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Whether `text` holds a character with a meaning in patterns.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The result of a search.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files, sorted and without duplicates.
    pub files: Vec<PathBuf>,
    /// What was skipped, and why; reported, because it may have been intended.
    pub left_out: Vec<String>,
}

impl Found {
    /// Adds a path that is not a folder.
    fn take(&mut self, path: PathBuf) {
        match fs::metadata(&path) {
            Ok(data) if data.is_file() => self.files.push(path),
            Ok(_) => self.left_out.push(format!("{}: it is not a regular file", path.display())),
            Err(_) if path.is_symlink() => {
                self.left_out.push(format!("{}: a link that leads nowhere", path.display()));
            }
            Err(error) => self.left_out.push(format!("{}: {error}", path.display())),
        }
    }

    /// Skips links to files that were found directly, or by another link.
    fn leave_out_links(&mut self) {
        let identity = |path: &PathBuf| fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
        let own = self.files.iter().filter(|path| !path.is_symlink());
        let mut seen: HashSet<(u64, u64)> = own.filter_map(identity).collect();
        let left_out = &mut self.left_out;
        self.files.retain(|path| {
            let is_new = !path.is_symlink() || identity(path).is_none_or(|it| seen.insert(it));
            if !is_new {
                left_out.push(format!("{}: a link to a file that is read anyway", path.display()));
            }
            is_new
        });
    }

    fn sort(mut self) -> Self {
        sort_by_bytes(&mut self.files);
        self.files.dedup();
        self.leave_out_links();
        self.left_out.sort();
        self.left_out.dedup();
        self
    }
}

/// Every file that matches, from a folder on, and whose own name is not in the pattern.
pub(super) fn expand(folder: &Path, pattern: &str) -> io::Result<Found> {
    let whole = folder.join(pattern);
    let names = whole.iter().skip(folder.iter().count());
    let names: Vec<&[u8]> = names.map(|name| name.as_bytes()).collect();
    let mut found = Found::default();
    follow(folder.to_path_buf(), &names, &mut found)?;
    Ok(found.sort())
}

/// Every file in a folder and in those below it; hidden names are skipped.
pub(super) fn walk(folder: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for folder in folders(folder)? {
        let inside = children(&folder)?.into_iter().filter(|child| !is_hidden(child));
        inside.filter(|child| !child.is_dir()).for_each(|child| found.take(child));
    }
    Ok(found.sort())
}

/// Searches a folder and all below it. Linked folders come last, in the order of their paths, unless they were searched
/// already: a link up the tree would never end.
fn folders(at: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let (mut next, mut links) = (vec![at.to_path_buf()], BTreeSet::new());
    while let Some(folder) = next.pop().or_else(|| links.pop_first()) {
        let path = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        let data = fs::metadata(path)?;
        if !data.is_dir() || !seen.insert((data.dev(), data.ino())) {
            continue;
        }
        for child in children(&folder)?.into_iter().filter(|child| !is_hidden(child)) {
            if is_folder(&child) {
                next.push(child);
            } else if child.is_dir() {
                links.insert(child);
            }
        }
        found.push(folder);
    }
    Ok(found)
}

/// Orders paths by their bytes, the same on every machine.
pub(super) fn sort_by_bytes(paths: &mut [PathBuf]) {
    paths.sort_unstable_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
}

fn follow(at: PathBuf, names: &[&[u8]], found: &mut Found) -> io::Result<()> {
    let Some((name, rest)) = names.split_first() else {
        // Missing paths were named without a pattern.
        if at.symlink_metadata().is_ok() && !at.is_dir() {
            found.take(at);
        }
        return Ok(());
    };
    if *name == b"**" {
        let exists = at.as_os_str().is_empty() || at.is_dir();
        let folders = if exists { folders(&at)? } else { Vec::new() };
        return folders.into_iter().try_for_each(|folder| follow(folder, rest, found));
    }
    if !name.iter().any(|byte| b"*?[".contains(byte)) {
        return follow(at.join(std::ffi::OsStr::from_bytes(name)), rest, found);
    }
    for child in children(&at)? {
        let own = child.file_name().map_or(&b""[..], |own| own.as_bytes());
        let hidden = own.starts_with(b".") && !name.starts_with(b".");
        if !hidden && matches(name, own) {
            follow(child, rest, found)?;
        }
    }
    Ok(())
}

/// The entries of a folder; none if `at` is not a folder.
fn children(at: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = if at.as_os_str().is_empty() { Path::new(".") } else { at };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    fs::read_dir(folder)?.map(|entry| Ok(at.join(entry?.file_name()))).collect()
}

/// Whether a path is a folder and not a link.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|data| data.is_dir())
}

/// Whether the last name of the path begins with a dot.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."))
}

/// Whether the whole `name` fits the pattern; a `*` that fails is tried one byte later.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, n));
            p += 1;
        } else if let Some(after) = one(pattern, p, name[n..].as_ref()) {
            (p, n) = (after.0, n + after.1);
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (p, n) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Matches one character at `p`: where the pattern continues, and how many bytes of the name it
/// took.
fn one(pattern: &[u8], p: usize, name: &[u8]) -> Option<(usize, usize)> {
    match *pattern.get(p)? {
        b'?' => Some((p + 1, char_bytes(name))),
        b'[' => match class(&pattern[p + 1..], name[0]) {
            Some((true, len)) => Some((p + 1 + len, 1)),
            Some((false, _)) => None,
            None => (name[0] == b'[').then_some((p + 1, 1)),
        },
        byte => (byte == name[0]).then_some((p + 1, 1)),
    }
}

fn char_bytes(name: &[u8]) -> usize {
    1 + name[1..].iter().take_while(|byte| **byte & 0xc0 == 0x80).count()
}

/// Whether `byte` is in the class, and the length of the class with its `]`; `None` if it has no
/// end.
fn class(text: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(text.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let end = start + 1 + text.get(start + 1..)?.iter().position(|b| *b == b']')?;
    let (mut at, mut inside) = (start, false);
    while at < end {
        if at + 2 < end && text[at + 1] == b'-' {
            inside |= (text[at]..=text[at + 2]).contains(&byte);
            at += 3;
        } else {
            inside |= text[at] == byte;
            at += 1;
        }
    }
    Some((inside != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn names_match() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        };
        check("*.txt", "a.txt", true);
        check("*.txt", "a.txt.gz", false);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
        check("part-?.txt", "part-한.txt", true);
        check("part-[0-9].txt", "part-7.txt", true);
        check("part-[!0-9].txt", "part-7.txt", false);
        check("[]]x", "]x", true);
        check("[x", "[x", true);
        check("", "", true);
        check("*", "", true);
    }
}
