//! Pages: what does not fit into memory at once, each page in a scratch file of its own.
//!
//! A page is a row of floats that is written and read as a whole, or read in part. Pages are not an
//! artefact: their digests are kept in memory, so they do not survive their process; what a killed one
//! leaves behind is swept away by the next, and the rest when the pages are dropped.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use xxhash_rust::xxh3::Xxh3;

use crate::error::FormatError;
use crate::rundir::RunDir;
use crate::storage::Storage;

/// Scratch files of floats, numbered from 0.
#[derive(Debug)]
pub struct Pages {
    storage: Arc<dyn Storage>,
    folder: PathBuf,
    name: &'static str,
    pages: Vec<Page>,
}

/// Whether a page was written, and the digest of what was.
#[derive(Debug, Default)]
struct Page {
    written: AtomicBool,
    digest: AtomicU64,
}

impl Pages {
    /// So many pages called `NAME-00000.scratch` and so on in a folder of the run directory, from which older
    /// ones are removed; nothing is written yet.
    pub fn create(
        dir: &RunDir,
        folder: &str,
        name: &'static str,
        pages: usize,
    ) -> Result<Self, FormatError> {
        dir.sweep(folder, |file| file.starts_with(name) && file.ends_with(".scratch"))?;
        let storage = Arc::clone(dir.storage());
        let folder = dir.path(folder);
        storage
            .create_dir(&folder)
            .map_err(|e| FormatError::io(&folder, "creating a folder for pages", e))?;
        Ok(Self { storage, folder, name, pages: (0..pages).map(|_| Page::default()).collect() })
    }

    /// Writes a page, made of parts, in the place of what it held.
    pub fn write(&self, page: usize, parts: &[&[f32]]) -> Result<(), FormatError> {
        let path = self.path(page);
        let io = |e| FormatError::io(&path, "writing a page", e);
        let mut file = self.storage.create(&path).map_err(io)?;
        let mut digest = Xxh3::new();
        for part in parts {
            let bytes: &[u8] = bytemuck::cast_slice(part);
            digest.update(bytes);
            file.write_all(bytes).map_err(io)?;
        }
        self.pages[page].digest.store(digest.digest(), Ordering::Release);
        self.pages[page].written.store(true, Ordering::Release);
        Ok(())
    }

    /// Reads a page into parts, which have the lengths that were written.
    ///
    /// # Panics
    /// Where the page was not written.
    pub fn read(&self, page: usize, parts: &mut [&mut [f32]]) -> Result<(), FormatError> {
        let (mut digest, mut offset) = (Xxh3::new(), 0);
        for part in parts {
            self.read_part(page, offset, part)?;
            digest.update(bytemuck::cast_slice(part));
            offset += part.len() as u64;
        }
        if digest.digest() != self.pages[page].digest.load(Ordering::Acquire) {
            let what = "a page is not as it was written; remove the folder and run again";
            return Err(FormatError::corrupt(&self.path(page), 0, what));
        }
        Ok(())
    }

    /// Reads floats of a page from the one numbered `first`; only whole pages are checked.
    ///
    /// # Panics
    /// Where the page was not written.
    pub fn read_part(&self, page: usize, first: u64, part: &mut [f32]) -> Result<(), FormatError> {
        assert!(self.pages[page].written.load(Ordering::Acquire), "page {page} was not written");
        let path = self.path(page);
        let io = |e| FormatError::io(&path, "reading a page", e);
        let file = self.storage.open(&path).map_err(io)?;
        file.read_exact_at(4 * first, bytemuck::cast_slice_mut(part)).map_err(io)
    }

    fn path(&self, page: usize) -> PathBuf {
        self.folder.join(format!("{}-{page:05}.scratch", self.name))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        for (page, _) in
            self.pages.iter().enumerate().filter(|(_, page)| page.written.load(Ordering::Relaxed))
        {
            // A page that stays behind is swept away by the next run.
            let _ = self.storage.remove(&self.path(page));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStorage;

    fn pages() -> (MemoryStorage, Pages) {
        let memory = MemoryStorage::default();
        let dir = RunDir::new(Arc::new(memory.clone()), "run");
        (memory, Pages::create(&dir, "pages", "part", 3).unwrap())
    }

    #[test]
    fn a_page_is_what_was_written_last() {
        let (memory, pages) = pages();
        pages.write(1, &[&[1.0, 2.0], &[3.0]]).unwrap();
        pages.write(2, &[&[9.0]]).unwrap();
        pages.write(1, &[&[4.0, 5.0], &[6.0]]).unwrap();
        let (mut a, mut b) = ([0.0; 1], [0.0; 2]);
        pages.read(1, &mut [&mut a, &mut b]).unwrap();
        assert_eq!((a, b), ([4.0], [5.0, 6.0]));
        pages.read_part(1, 2, &mut a).unwrap();
        assert_eq!(a, [6.0]);
        drop(pages);
        assert!(memory.snapshot().is_empty(), "the scratch files are gone");
    }

    #[test]
    fn a_changed_page_is_not_read() {
        let (memory, pages) = pages();
        pages.write(0, &[&[1.0, 2.0]]).unwrap();
        let path = memory.snapshot().keys().next().unwrap().clone();
        let mut file = memory.create(&path).unwrap();
        file.write_all(bytemuck::cast_slice(&[1.0f32, 2.5])).unwrap();
        drop(file);
        let error = pages.read(0, &mut [&mut [0.0; 2]]).unwrap_err();
        assert!(error.is_bad_artefact() && error.to_string().contains("part-00000"), "{error}");
    }
}
