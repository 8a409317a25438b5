//! What is known of a stage without its work: all that the ledger needs.

use std::collections::BTreeMap;

/// The stage that no configuration has: counts of another program.
pub const IMPORT: &str = "import";

/// Gives the kind of every stage by its name.
pub type Kinds = fn(&str) -> Kind;

/// A configuration as the ledger stores it: keys with their values, digests in the place of files.
pub type Settings = BTreeMap<String, String>;

/// What is known of a stage by its name alone.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name; of a kind with several stages what their names begin with, such as `train:`.
    pub name: &'static str,
    /// The version of what it computes, raised when the same configuration and inputs give other bytes.
    pub version: u32,
    /// The folders that the stage of a name writes to.
    pub folders: fn(&str) -> Vec<Folder>,
}

/// A folder that a stage writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its path in the run directory.
    pub path: String,
    /// The one file in it that belongs to the stage, if others have files there, too.
    pub only: Option<String>,
    /// Whether its files go when the stage is forgotten. Token shards stay: they are compared with the text one by one.
    pub is_cleared: bool,
    /// Whether its files are of use only while the stage is at work.
    pub is_scratch: bool,
    /// Whether the stage reads what is in it, too: such files stay when it begins.
    pub is_read: bool,
}

impl Folder {
    /// A folder that belongs to one stage.
    #[must_use]
    pub fn whole(path: impl Into<String>) -> Self {
        Self { path: path.into(), only: None, is_cleared: true, is_scratch: false, is_read: false }
    }

    /// A folder whose files go when the stage ends.
    #[must_use]
    pub fn scratch(path: impl Into<String>) -> Self {
        Self { is_scratch: true, ..Self::whole(path) }
    }
}

/// A stage with its configuration, without its inputs.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub settings: Settings,
    /// A stage of the same rank that it begins with: the trainer from whose vectors it goes on.
    pub after: Option<String>,
}

impl Listed {
    /// A stage that depends on those of earlier ranks.
    #[must_use]
    pub fn new(name: &str, settings: Settings) -> Self {
        Self { name: name.into(), settings, after: None }
    }
}
