//! The modules of a crate, and the names that its files take from each other.
//!
//! Terms: a *module* is a file or a block `mod name { … }` in one; a *path* is one in a `use`, or in code if it begins
//! with `crate`, `self`, `super` or the name of a child; a *tie* is a name that one file takes from another. A name
//! that a module only re-exports (`pub use`) ties to the file that defines it. Macros are read unexpanded, test code is
//! not read.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, lexer};

/// A module by the names from the root of the crate; the root is empty.
type Name = Vec<String>;

/// File → file → the names that the first takes from the second.
pub type Ties = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

#[derive(Debug, Default)]
struct Module {
    file: String,
    children: BTreeSet<String>,
    /// Imported names, with the absolute paths that they refer to.
    imports: BTreeMap<String, Name>,
    paths: Vec<Name>,
}

/// The modules of one crate.
#[derive(Debug, Default)]
struct Modules(BTreeMap<Name, Module>);

/// The ties of the files of the crate whose root is the file `root`.
pub fn ties(sources: &[&Source], root: &str) -> Ties {
    let mut modules = Modules::default();
    modules.add_file(sources, root, Vec::new());
    let mut ties = Ties::new();
    for module in modules.0.values() {
        for path in module.paths.iter().chain(module.imports.values()) {
            let (file, name) = modules.definition(path, 0);
            if file != module.file {
                let names = ties.entry(module.file.clone()).or_default().entry(file.into());
                names.or_default().insert(name);
            }
        }
    }
    ties
}

impl Modules {
    /// Adds a file with its blocks, and the files that it declares.
    fn add_file(&mut self, sources: &[&Source], path: &str, name: Name) {
        let Some(source) = sources.iter().find(|source| source.path == path) else { return };
        let tokens = tokens(source);
        let mut reader =
            Reader { tokens: &tokens, at: 0, file: path, modules: self, declared: Vec::new() };
        reader.module(&name);
        let declared = reader.declared;
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let home = match file {
            "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
            _ => path.trim_end_matches(".rs").to_owned(),
        };
        for child in declared {
            let stem = format!("{home}/{}", child[name.len()..].join("/"));
            self.add_file(sources, &format!("{stem}.rs"), child.clone());
            self.add_file(sources, &format!("{stem}/mod.rs"), child);
        }
    }

    /// The file in which a path ends, and the name that it takes from there; re-exports are followed.
    fn definition(&self, path: &[String], depth: usize) -> (&str, String) {
        let ends = (0..=path.len()).rev();
        let end = ends.into_iter().find(|&end| self.0.contains_key(&path[..end]));
        let end = end.expect("the root of the crate is a module");
        let module = &self.0[&path[..end]];
        let Some(name) = path.get(end) else { return (&module.file, "itself".into()) };
        match module.imports.get(name) {
            // Imports may re-export a name in a circle, which the compiler refuses elsewhere.
            Some(other) if depth < 16 && other[..] != path[..=end] => {
                let rest = path[end + 1..].iter();
                let other: Name = other.iter().chain(rest).cloned().collect();
                self.definition(&other, depth + 1)
            }
            _ => (&module.file, name.clone()),
        }
    }
}

/// Words, `::`, and other characters one by one, of the code that is compiled without tests.
fn tokens(source: &Source) -> Vec<String> {
    let lines = source.split.code.lines().zip(1..);
    let code: String = lines
        .map(
            |(line, number)| {
                if source.is_test_line(number) { "\n".into() } else { format!("{line}\n") }
            },
        )
        .collect();
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c| !lexer::is_word(c)).unwrap_or(rest.len());
        let length = match word {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            word => word,
        };
        tokens.push(rest[..length].into());
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Reads the tokens of a file.
struct Reader<'a> {
    tokens: &'a [String],
    at: usize,
    file: &'a str,
    modules: &'a mut Modules,
    /// Modules in their own files.
    declared: Vec<Name>,
}

impl Reader<'_> {
    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", String::as_str)
    }

    /// Reads a module to the end of its block or of the file.
    fn module(&mut self, name: &Name) {
        let first = self.at;
        let mut module = Module { file: self.file.into(), ..Module::default() };
        // Children first: a path may begin with one that is declared below.
        module.children = self.children(first);
        let mut braces = 0;
        while self.at < self.tokens.len() {
            match self.token(self.at) {
                "}" if braces == 0 => break,
                "}" => braces -= 1,
                "{" => braces += 1,
                "#" if self.is_test_attribute() => self.skip_attributed(),
                "mod" if self.child_at(self.at).is_some() => {
                    self.child(name);
                    continue;
                }
                "use" => {
                    self.at += 1;
                    self.tree(name, &mut module, &[]);
                }
                _ if self.begins_path(&module) => {
                    let path = self.path();
                    module.paths.extend(absolute(name, &module, &path));
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.modules.0.insert(name.clone(), module);
    }

    /// The name of a child module that is declared or opened here, after `$` if a macro names it.
    fn child_at(&self, at: usize) -> Option<String> {
        let at = at + 1 + usize::from(self.token(at + 1) == "$");
        let opens = matches!(self.token(at + 1), ";" | "{");
        (opens && self.token(at).starts_with(lexer::is_word)).then(|| self.token(at).to_owned())
    }

    fn children(&self, first: usize) -> BTreeSet<String> {
        let (mut children, mut braces) = (BTreeSet::new(), 0);
        for at in first..self.tokens.len() {
            match self.token(at) {
                "}" if braces == 0 => break,
                "}" => braces -= 1,
                "{" => braces += 1,
                "mod" if braces == 0 => children.extend(self.child_at(at)),
                _ => {}
            }
        }
        children
    }

    fn child(&mut self, name: &Name) {
        let mut child = name.clone();
        child.extend(self.child_at(self.at));
        while !matches!(self.token(self.at), ";" | "{") {
            self.at += 1;
        }
        self.at += 1;
        match self.token(self.at - 1) {
            "{" => {
                self.module(&child);
                self.at += 1;
            }
            _ => self.declared.push(child),
        }
    }

    fn is_test_attribute(&self) -> bool {
        let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
        (0..).zip(attribute).all(|(i, token)| self.token(self.at + i) == token)
    }

    /// Skips `#[cfg(test)]` and a `use` or `mod` after it; blocks are already removed.
    fn skip_attributed(&mut self) {
        self.at += 6;
        let is_import = |at: usize| matches!(self.token(at), "use" | "mod");
        let next = (self.at + 1..self.at + 6).take_while(|&at| self.token(at) != ";");
        let import = next.into_iter().find(|&at| is_import(at));
        if import.is_some() {
            while !matches!(self.token(self.at), ";" | "") {
                self.at += 1;
            }
        }
    }

    fn begins_path(&self, module: &Module) -> bool {
        let first = self.token(self.at);
        let is_ours =
            matches!(first, "crate" | "self" | "super") || module.children.contains(first);
        let before = self.at.checked_sub(1).map_or("", |at| self.token(at));
        is_ours && self.token(self.at + 1) == "::" && before != "::"
    }

    /// Reads a path in code; the reader is behind it afterwards.
    fn path(&mut self) -> Name {
        let mut path = vec![self.token(self.at).to_owned()];
        self.at += 1;
        while self.token(self.at) == "::" && self.token(self.at + 1).starts_with(lexer::is_word) {
            path.push(self.token(self.at + 1).to_owned());
            self.at += 2;
        }
        path
    }

    /// Reads the tree of a `use` from here on; the reader is at the `,`, `}` or `;` behind it
    /// afterwards.
    fn tree(&mut self, name: &Name, module: &mut Module, before: &[String]) {
        let mut path = before.to_vec();
        loop {
            match self.token(self.at) {
                "{" => {
                    while !matches!(self.token(self.at), "}" | "") {
                        self.at += 1;
                        self.tree(name, module, &path);
                    }
                    self.at += 1;
                    return;
                }
                "as" => {
                    let alias = self.token(self.at + 1).to_owned();
                    self.at += 2;
                    return import(name, module, &path, Some(alias));
                }
                "," | "}" | ";" | "" => return import(name, module, &path, None),
                "::" => {}
                segment => path.push(segment.to_owned()),
            }
            self.at += 1;
        }
    }
}

fn import(name: &Name, module: &mut Module, path: &[String], alias: Option<String>) {
    let itself = path.len() > 1 && path.last().is_some_and(|last| last == "self");
    let path = if itself { &path[..path.len() - 1] } else { path };
    let Some(found) = absolute(name, module, path) else { return };
    let alias = alias.or_else(|| path.last().cloned());
    match alias {
        Some(alias) if alias != "_" && alias != "*" => drop(module.imports.insert(alias, found)),
        _ => module.paths.push(found),
    }
}

/// The path from the root of the crate; `None` for a path into another crate.
fn absolute(name: &Name, module: &Module, path: &[String]) -> Option<Name> {
    let (first, rest) = path.split_first()?;
    let ups = path.iter().take_while(|segment| *segment == "super").count();
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([name, rest].concat()),
        "super" => Some([&name[..name.len().checked_sub(ups)?], &path[ups..]].concat()),
        first if module.children.contains(first) => Some([name, path].concat()),
        _ => None,
    }
}
