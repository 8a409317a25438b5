//! The line editor of `wordmill query`: history, and completion of the word before the cursor from the vocabulary.

use std::io::Write;
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Context, Editor, Helper};
use wordmill_formats::Vectors;
use wordmill_query::complete;

use super::session::{Reply, Session, broken};

/// Completions that are offered at once.
const OFFERED: usize = 50;
const HISTORY_LINES: usize = 1000;

/// Completes words.
struct Known<'a> {
    vectors: &'a Vectors,
}

/// Reads lines from the terminal and answers them.
pub(super) fn run(session: &mut Session<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut editor: Editor<Known<'_>, FileHistory> = Editor::new().map_err(broken)?;
    editor.set_helper(Some(Known { vectors: session.vectors }));
    editor.set_completion_type(CompletionType::List);
    editor.set_max_history_size(HISTORY_LINES).map_err(broken)?;
    let history = history_file();
    if let Some(path) = &history {
        // There is none the first time; one that cannot be read is no reason not to answer.
        let _ = editor.load_history(path);
    }
    loop {
        let line = match editor.readline("> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(broken(error)),
        };
        let line = line.trim();
        if !line.is_empty() {
            editor.add_history_entry(line).map_err(broken)?;
        }
        match session.answer(line, out) {
            Ok(Reply::GoOn) => {}
            Ok(Reply::Quit) => break,
            Err(error) => match Session::forgive(&error) {
                Some(what) => writeln!(out, "{what}\n")?,
                None => return Err(error),
            },
        }
        out.flush()?;
    }
    if let Some(path) = &history {
        let folder = path.parent().map(std::fs::create_dir_all);
        // A history that cannot be kept is no reason to fail.
        let _ = folder.map(|_| editor.save_history(path));
    }
    Ok(())
}

/// `wordmill/history` in the folder of the system for such things.
fn history_file() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = of("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(of("HOME")?).join(".local/state")))?;
    state.is_absolute().then(|| state.join("wordmill/history"))
}

impl Completer for Known<'_> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let begin = line[..at].rfind(char::is_whitespace);
        let begin =
            begin.map_or(0, |space| space + line[space..].chars().next().map_or(1, char::len_utf8));
        let sign = usize::from(line[begin..at].starts_with(['+', '-']));
        let word = &line[begin + sign..at];
        let found = if word.is_empty() { vec![] } else { complete(self.vectors, word, OFFERED) };
        Ok((begin + sign, found))
    }
}

impl Helper for Known<'_> {}
impl rustyline::hint::Hinter for Known<'_> {
    type Hint = String;
}
impl rustyline::highlight::Highlighter for Known<'_> {}
impl rustyline::validate::Validator for Known<'_> {}
