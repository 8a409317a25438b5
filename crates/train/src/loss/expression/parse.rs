//! Parses text to a tree, by precedence: `+ -`, then `* /`, then a sign, then `^`, which is right-associative.
//!
//! Terms: a `Tree` is an expression as it is written; an error has the position of its character. The meaning of
//! functions is not known here.

use std::fmt;

use super::names::Name;
use crate::loss::Term;

/// Functions, with the number of their arguments.
const FUNCTIONS: [(&str, Function, usize); 13] = [
    ("log", Function::Log, 1),
    ("ln", Function::Log, 1),
    ("exp", Function::Exp, 1),
    ("sqrt", Function::Sqrt, 1),
    ("abs", Function::Abs, 1),
    ("sigmoid", Function::Sigmoid, 1),
    ("softplus", Function::Softplus, 1),
    ("tanh", Function::Tanh, 1),
    ("step", Function::Step, 1),
    ("min", Function::Min, 2),
    ("max", Function::Max, 2),
    ("pow", Function::Pow, 2),
    ("clamp", Function::Clamp, 3),
];
/// Limits of length and nesting, against hostile input.
const CHARACTERS_MAX: usize = 2000;
const DEPTH_MAX: usize = 60;

/// A function of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Log,
    Exp,
    Sqrt,
    Abs,
    Sigmoid,
    Softplus,
    Tanh,
    Step,
    Min,
    Max,
    Pow,
    Clamp,
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Number(f64),
    Name(Name),
    Call(Function, Vec<Tree>),
}

/// An error in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// Index of the character, from 0; `None` if the whole expression is meant.
    pub at: Option<usize>,
    /// The problem.
    pub what: String,
    /// An unknown word, to be compared with [`known`](Self::known).
    pub word: String,
    /// Known words.
    pub known: Vec<&'static str>,
}

impl ExpressionError {
    /// An error about the whole expression.
    pub(super) fn whole(what: impl Into<String>) -> Self {
        Self { at: None, what: what.into(), word: String::new(), known: Vec::new() }
    }

    fn at(at: usize, what: impl Into<String>) -> Self {
        Self { at: Some(at), ..Self::whole(what) }
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(out, "character {}: {}", at + 1, self.what),
            None => out.write_str(&self.what),
        }
    }
}

impl std::error::Error for ExpressionError {}

/// Parses a part of a loss.
pub(super) fn parse(text: &str, term: Term) -> Result<Tree, ExpressionError> {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() > CHARACTERS_MAX {
        let what = format!("longer than {CHARACTERS_MAX} characters; shorten it");
        return Err(ExpressionError::at(CHARACTERS_MAX, what));
    }
    let mut parser = Parser { text: &characters, at: 0, depth: 0, term };
    let tree = parser.sum()?;
    match parser.next() {
        None => Ok(tree),
        Some(')') => Err(parser.error("a closing parenthesis without an opening one")),
        Some(found) => {
            let what = format!("expected an operator (+ - * / ^) or the end, found {found:?}");
            Err(parser.error(what))
        }
    }
}

struct Parser<'a> {
    text: &'a [char],
    at: usize,
    depth: usize,
    term: Term,
}

impl Parser<'_> {
    /// The next character that is not white space.
    fn next(&mut self) -> Option<char> {
        while self.text.get(self.at).is_some_and(|it| it.is_whitespace()) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// Advances past a character if it is the next one.
    fn takes(&mut self, wanted: char) -> bool {
        let is_next = self.next() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    fn error(&self, what: impl Into<String>) -> ExpressionError {
        ExpressionError::at(self.at, what)
    }

    fn sum(&mut self) -> Result<Tree, ExpressionError> {
        let mut left = self.product()?;
        loop {
            let function = match self.next() {
                Some('+') => Function::Add,
                Some('-') => Function::Subtract,
                _ => return Ok(left),
            };
            self.at += 1;
            left = Tree::Call(function, vec![left, self.product()?]);
        }
    }

    fn product(&mut self) -> Result<Tree, ExpressionError> {
        let mut left = self.signed()?;
        loop {
            let function = match self.next() {
                Some('*') if self.text.get(self.at + 1) == Some(&'*') => {
                    return Err(self.error("a power is written with ^"));
                }
                Some('*') => Function::Multiply,
                Some('/') => Function::Divide,
                _ => return Ok(left),
            };
            self.at += 1;
            left = Tree::Call(function, vec![left, self.signed()?]);
        }
    }

    /// A sign binds weaker than a power: `-s^2` is `-(s^2)`.
    fn signed(&mut self) -> Result<Tree, ExpressionError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("nested more than {DEPTH_MAX} deep; simplify it")));
        }
        let tree = match self.next() {
            Some('-') => {
                self.at += 1;
                Tree::Call(Function::Negate, vec![self.signed()?])
            }
            Some('+') => {
                self.at += 1;
                self.signed()?
            }
            _ => self.power()?,
        };
        self.depth -= 1;
        Ok(tree)
    }

    fn power(&mut self) -> Result<Tree, ExpressionError> {
        let base = self.atom()?;
        match self.takes('^') {
            true => Ok(Tree::Call(Function::Pow, vec![base, self.signed()?])),
            false => Ok(base),
        }
    }

    fn atom(&mut self) -> Result<Tree, ExpressionError> {
        match self.next() {
            Some('(') => {
                let opened = self.at;
                self.at += 1;
                let tree = self.sum()?;
                self.close(opened)?;
                Ok(tree)
            }
            Some(digit) if digit.is_ascii_digit() || digit == '.' => self.number(),
            Some(letter) if letter.is_alphabetic() || letter == '_' => self.word(),
            Some(found) => {
                Err(self
                    .error(format!("expected a number, a name or a parenthesis, found {found:?}")))
            }
            None => Err(self.error("expected a number, a name or a parenthesis, found the end")),
        }
    }

    /// Parses the parenthesis that closes the one at `opened`.
    fn close(&mut self, opened: usize) -> Result<(), ExpressionError> {
        if self.takes(')') {
            return Ok(());
        }
        Err(match self.next() {
            None => ExpressionError::at(opened, "this parenthesis is not closed"),
            Some(found) => self.error(format!(
                "expected an operator (+ - * / ^) or a closing parenthesis, found {found:?}"
            )),
        })
    }

    fn number(&mut self) -> Result<Tree, ExpressionError> {
        let start = self.at;
        let digits = |parser: &mut Self| {
            while parser.text.get(parser.at).is_some_and(|it| it.is_ascii_digit() || *it == '.') {
                parser.at += 1;
            }
        };
        digits(self);
        // An exponent, if digits follow.
        if self.text.get(self.at).is_some_and(|it| *it == 'e' || *it == 'E') {
            let sign = matches!(self.text.get(self.at + 1), Some('-' | '+'));
            let first = self.at + 1 + usize::from(sign);
            if self.text.get(first).is_some_and(char::is_ascii_digit) {
                self.at = first;
                digits(self);
            }
        }
        let text: String = self.text[start..self.at].iter().collect();
        match text.parse::<f64>() {
            Ok(number) if (number as f32).is_finite() => Ok(Tree::Number(number)),
            _ => Err(ExpressionError::at(start, format!("{text:?} is not a number"))),
        }
    }

    fn word(&mut self) -> Result<Tree, ExpressionError> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(|it| it.is_alphanumeric() || *it == '_') {
            self.at += 1;
        }
        let word: String = self.text[start..self.at].iter().collect();
        let function = FUNCTIONS.iter().find(|(name, ..)| *name == word);
        if let Some(&(name, function, arguments)) = function {
            return self.call(start, name, (function, arguments));
        }
        let name = Name::ALL.iter().find(|(name, _)| *name == word).map(|&(_, name)| name);
        match name {
            Some(Name::X) if self.term != Term::Cell => {
                let what = "x is the weight of a cell of the matrix; a sampled pair is one occurrence and has none";
                Err(ExpressionError::at(start, what))
            }
            Some(name) => Ok(Tree::Name(name)),
            None => {
                let names = Name::ALL.iter().map(|(name, _)| *name);
                let is_usable = |name: &&str| *name != "x" || self.term == Term::Cell;
                let functions = FUNCTIONS.iter().map(|(name, ..)| *name);
                let known = names.filter(is_usable).chain(functions).collect();
                let what = format!("unknown name {word:?}");
                Err(ExpressionError { word, known, ..ExpressionError::at(start, what) })
            }
        }
    }

    fn call(
        &mut self,
        start: usize,
        name: &str,
        (function, wanted): (Function, usize),
    ) -> Result<Tree, ExpressionError> {
        let opened = self.at;
        if !self.takes('(') {
            let what = format!("{name} is a function: write {name}(…)");
            return Err(ExpressionError::at(start, what));
        }
        let mut arguments = vec![self.sum()?];
        while self.takes(',') {
            arguments.push(self.sum()?);
        }
        self.close(opened)?;
        if arguments.len() != wanted {
            let s = if wanted == 1 { "" } else { "s" };
            let what = format!("{name} takes {wanted} argument{s}, not {}", arguments.len());
            return Err(ExpressionError::at(start, what));
        }
        Ok(Tree::Call(function, arguments))
    }
}
