//! The run directory: the path of each artefact, and the lock that excludes other processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::FormatError;
use crate::shards::ShardId;
use crate::storage::Storage;

/// A run directory in some storage.
#[derive(Clone, Debug)]
pub struct RunDir {
    storage: Arc<dyn Storage>,
    root: PathBuf,
    /// The folder of token shards, and the directory that contains it.
    shards: String,
    home: PathBuf,
}

/// Why a run directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works there.
    #[error(
        "{}: in use by {holder}; wait for it, stop it, or choose another run directory",
        path.display()
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// The text that the holder wrote into it.
        holder: String,
    },
    /// The lock file cannot be opened.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// How long whoever asks for the holder may have the lock, and how often it is tried again.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 5;

/// Held while a process works in a run directory; released when dropped or when the process ends.
#[derive(Debug)]
pub struct RunLock(#[expect(dead_code, reason = "held open for its lock")] File);

impl RunDir {
    /// A directory in a storage; nothing is created.
    pub fn new(storage: Arc<dyn Storage>, root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { storage, home: root.clone(), root, shards: "tokens".into() }
    }

    /// The same run, with its token shards in another folder than `tokens`.
    pub fn reading(&self, shards: &str) -> Self {
        Self { shards: shards.into(), ..self.clone() }
    }

    /// A run in a folder of this one, with the token shards of this one, for intermediate counts.
    pub fn within(&self, folder: &str) -> Self {
        Self { root: self.path(folder), ..self.clone() }
    }

    /// The folder of its token shards, relative to [`RunDir::home`].
    pub fn shards(&self) -> &str {
        &self.shards
    }

    /// The run that contains the folder of its token shards: itself, unless it is [`RunDir::within`]
    /// another.
    pub fn home(&self) -> Self {
        Self { root: self.home.clone(), ..self.clone() }
    }

    /// The storage.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// `run.json`.
    pub fn manifest(&self) -> PathBuf {
        self.path("run.json")
    }

    /// `tokens/index.json`.
    pub fn token_index(&self) -> PathBuf {
        self.home.join(format!("{}/index.json", self.shards))
    }

    /// `tokens/shard-00000-00000.tok`.
    pub fn token_shard(&self, shard: ShardId) -> PathBuf {
        self.home.join(format!("{}/shard-{shard}.tok", self.shards))
    }

    /// `tokens/shard-00000-00000.words`.
    pub fn word_list(&self, shard: ShardId) -> PathBuf {
        self.home.join(format!("{}/shard-{shard}.words", self.shards))
    }

    /// `vocab/vocabulary.tsv`.
    pub fn vocabulary_text(&self) -> PathBuf {
        self.path("vocab/vocabulary.tsv")
    }

    /// `vocab/vocabulary.safetensors`.
    pub fn vocabulary(&self) -> PathBuf {
        self.path("vocab/vocabulary.safetensors")
    }

    /// `vocab/remap-00000-00000.bin`.
    pub fn remap(&self, shard: ShardId) -> PathBuf {
        self.path(&format!("vocab/remap-{shard}.bin"))
    }

    /// `matrix/rows-00000-of-00064.safetensors`.
    pub fn matrix_shard(&self, shard: usize, shards: usize) -> PathBuf {
        self.path(&format!("matrix/rows-{shard:05}-of-{shards:05}.safetensors"))
    }

    /// `matrix/index.json`.
    pub fn matrix_index(&self) -> PathBuf {
        self.path("matrix/index.json")
    }

    /// `FOLDER/stripe-000.tiles`.
    pub fn stripe(&self, folder: &str, stripe: u32) -> PathBuf {
        self.path(&format!("{folder}/stripe-{stripe:03}.tiles"))
    }

    /// `vectors/NAME.safetensors`.
    pub fn vectors(&self, name: &str) -> PathBuf {
        self.path(&format!("vectors/{name}.safetensors"))
    }

    /// A path relative to the directory, with `/`, for the ledger.
    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Removes a file if it exists.
    pub fn remove(&self, path: &Path) -> Result<(), FormatError> {
        match self.storage.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FormatError::io(path, "removing", error))
            }
            _ => Ok(()),
        }
    }

    /// Removes every file of a folder whose name `doomed` accepts.
    pub fn sweep(&self, folder: &str, doomed: impl Fn(&str) -> bool) -> Result<(), FormatError> {
        let dir = self.path(folder);
        let files = self.storage.list(&dir).map_err(|e| FormatError::io(&dir, "listing", e))?;
        for path in files {
            if path.file_name().and_then(|name| name.to_str()).is_some_and(&doomed) {
                self.remove(&path)?;
            }
        }
        Ok(())
    }

    /// What the process wrote about itself that works in the directory; `None` if there is none. It takes the lock for an instant.
    ///
    /// # Errors
    /// A lock file that cannot be read.
    pub fn holder(&self) -> Result<Option<String>, FormatError> {
        let path = self.path("run.lock");
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|e| FormatError::io(&path, "opening", e))?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(holder(file))),
            Err(TryLockError::Error(e)) => Err(FormatError::io(&path, "locking", e)),
        }
    }

    /// Creates the directory on disk and takes its lock, `run.lock`, which names the holder.
    pub fn lock(&self) -> Result<RunLock, LockError> {
        let io = |attempt| move |e| FormatError::io(&self.root, attempt, e);
        std::fs::create_dir_all(&self.root).map_err(io("creating the run directory"))?;
        let path = self.path("run.lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|e| FormatError::io(&path, "opening", e))?;
        let mut attempt = 1;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Somebody may be looking who holds it.
                Err(TryLockError::WouldBlock) if attempt < LOOKS => {
                    std::thread::sleep(LOOK);
                    attempt += 1;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { path, holder: holder(file) });
                }
                Err(TryLockError::Error(e)) => {
                    return Err(FormatError::io(&path, "locking", e).into());
                }
            }
        }
        let holder = format!("process {}\n", std::process::id());
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()));
        written.map_err(|e| FormatError::io(&path, "writing", e))?;
        Ok(RunLock(file))
    }
}

/// What is written in a lock file.
fn holder(file: File) -> String {
    let mut holder = String::new();
    let _ = file.take(200).read_to_string(&mut holder);
    let holder = holder.trim();
    if holder.is_empty() { "another process".into() } else { holder.into() }
}
