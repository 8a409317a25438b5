//! Pages: data that does not fit into memory at once, each page in its own scratch file.
//!
//! A page is a row of floats that is written and read as a whole, or read in part. Pages are not
//! artefacts: their digests are kept in memory, so they do not survive their process. The next process
//! removes the files of a killed one; otherwise they are removed when the pages are dropped. There is a
//! digest for each block of a page, and a part is read with the blocks that contain it: no float is used
//! unchecked.

use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

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

/// Floats of a block, 16 KiB. A digest takes 8 bytes, one in 2048 of the page; parts of 4 KiB and more, as they are
/// read, cause at most a few times as much reading.
const BLOCK_FLOATS: usize = 4 << 10;

/// The written page; empty at first.
#[derive(Debug, Default)]
struct Page(RwLock<Option<Arc<WrittenPage>>>);

#[derive(Debug)]
struct WrittenPage {
    floats: usize,
    /// A digest per block; the last block may be shorter.
    blocks: Vec<u64>,
}

/// Computes digests of blocks from pieces of any length.
#[derive(Default)]
struct BlockDigests {
    done: Vec<u64>,
    open: Xxh3,
    /// Floats of the open block.
    held: usize,
    floats: usize,
}

impl Pages {
    /// Creates this many pages, called `NAME-00000.scratch` and so on, in a folder of the run directory, from
    /// which older ones are removed; nothing is written yet.
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

    /// Writes a page, given in parts, in place of the previous content.
    pub fn write(&self, page: usize, parts: &[&[f32]]) -> Result<(), FormatError> {
        let path = self.path(page);
        let io = |e| FormatError::io(&path, "writing a page", e);
        let mut file = self.storage.create(&path).map_err(io)?;
        let mut digests = BlockDigests::default();
        for part in parts {
            digests.update(part);
            file.write_all(bytemuck::cast_slice(part)).map_err(io)?;
        }
        self.pages[page].set(digests.finish());
        Ok(())
    }

    /// Reads a page into parts, which have the lengths that were written.
    ///
    /// # Panics
    /// If the page was not written.
    pub fn read(&self, page: usize, parts: &mut [&mut [f32]]) -> Result<(), FormatError> {
        let written = self.pages[page].get();
        let (mut digests, mut offset) = (BlockDigests::default(), 0);
        for part in parts {
            self.read_at(page, offset, part)?;
            digests.update(part);
            offset += part.len();
        }
        assert_eq!(offset, written.floats, "a page is read with the lengths that were written");
        self.compare(page, 0..written.blocks.len(), &digests.finish().blocks)
    }

    /// Reads floats of a page from the one numbered `first`.
    ///
    /// # Panics
    /// If the page was not written, or is shorter.
    pub fn read_part(&self, page: usize, first: u64, part: &mut [f32]) -> Result<(), FormatError> {
        let (written, first) = (self.pages[page].get(), first as usize);
        let end = first + part.len();
        assert!(end <= written.floats, "a part of a page lies in it");
        let blocks = first / BLOCK_FLOATS..end.div_ceil(BLOCK_FLOATS);
        let start = blocks.start * BLOCK_FLOATS;
        let floats = (blocks.end * BLOCK_FLOATS).min(written.floats) - start.min(written.floats);
        let mut whole = vec![0.0; floats];
        self.read_at(page, start, &mut whole)?;
        let mut digests = BlockDigests::default();
        digests.update(&whole);
        self.compare(page, blocks, &digests.finish().blocks)?;
        part.copy_from_slice(&whole[first - start..end - start]);
        Ok(())
    }

    /// Reads floats without checks.
    fn read_at(&self, page: usize, first: usize, part: &mut [f32]) -> Result<(), FormatError> {
        let path = self.path(page);
        let io = |e| FormatError::io(&path, "reading a page", e);
        let file = self.storage.open(&path).map_err(io)?;
        file.read_exact_at(4 * first as u64, bytemuck::cast_slice_mut(part)).map_err(io)
    }

    fn compare(&self, page: usize, blocks: Range<usize>, found: &[u64]) -> Result<(), FormatError> {
        let first = blocks.start;
        let wrong =
            self.pages[page].get().blocks[blocks].iter().zip(found).position(|(a, b)| a != b);
        match wrong {
            Some(at) => {
                let offset = 4 * ((first + at) * BLOCK_FLOATS) as u64;
                let what = "a page differs from what was written to it: check the disk and the memory of this machine";
                Err(FormatError::corrupt(&self.path(page), offset, what))
            }
            None => Ok(()),
        }
    }

    fn path(&self, page: usize) -> PathBuf {
        self.folder.join(format!("{}-{page:05}.scratch", self.name))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        for (page, _) in self.pages.iter().enumerate().filter(|(_, page)| page.is_written()) {
            // A page that stays behind is removed by the next run.
            let _ = self.storage.remove(&self.path(page));
        }
    }
}

impl Page {
    fn set(&self, written: WrittenPage) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(written));
    }

    fn is_written(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn get(&self) -> Arc<WrittenPage> {
        let written = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(written.as_ref().expect("a page is written before it is read"))
    }
}

impl BlockDigests {
    fn update(&mut self, mut floats: &[f32]) {
        self.floats += floats.len();
        while !floats.is_empty() {
            let (now, later) = floats.split_at(floats.len().min(BLOCK_FLOATS - self.held));
            self.open.update(bytemuck::cast_slice(now));
            self.held += now.len();
            if self.held == BLOCK_FLOATS {
                self.close();
            }
            floats = later;
        }
    }

    fn close(&mut self) {
        self.done.push(self.open.digest());
        self.open.reset();
        self.held = 0;
    }

    fn finish(mut self) -> WrittenPage {
        if self.held > 0 {
            self.close();
        }
        WrittenPage { floats: self.floats, blocks: self.done }
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
    fn a_page_has_what_was_written_last() {
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
    fn parts_of_a_page_are_those_that_were_written() {
        let (_, pages) = pages();
        for floats in [0, 1, BLOCK_FLOATS - 1, BLOCK_FLOATS, BLOCK_FLOATS + 1, 3 * BLOCK_FLOATS] {
            let whole: Vec<f32> = (0..floats).map(|at| at as f32).collect();
            let (one, other) = whole.split_at(floats / 3);
            pages.write(0, &[one, other]).unwrap();
            for first in [0, 1, floats / 2, floats - floats.min(1), floats] {
                for end in [first, first + 1, first + BLOCK_FLOATS, floats] {
                    let span = first..end.clamp(first, floats.max(first));
                    if span.end > floats {
                        continue;
                    }
                    let mut part = vec![-1.0; span.len()];
                    pages.read_part(0, first as u64, &mut part).unwrap();
                    assert_eq!(part, whole[span]);
                }
            }
        }
    }

    #[test]
    fn a_part_of_a_page_that_changed_on_the_disk_is_not_used() {
        let (memory, pages) = pages();
        let whole: Vec<f32> = (0..3 * BLOCK_FLOATS).map(|at| at as f32).collect();
        pages.write(0, &[&whole]).unwrap();
        let path = memory.snapshot().keys().next().unwrap().clone();
        let mut bytes = memory.snapshot().remove(&path).unwrap();
        let wrong = BLOCK_FLOATS + 7;
        bytes[4 * wrong] ^= 1;
        memory.create(&path).unwrap().write_all(&bytes).unwrap();
        for first in [0, wrong - 1, wrong, wrong + 1, 2 * BLOCK_FLOATS - 1, 2 * BLOCK_FLOATS] {
            let read = pages.read_part(0, first as u64, &mut [0.0; 1]);
            assert_eq!(read.is_err(), first / BLOCK_FLOATS == 1, "{first}");
            assert!(read.err().is_none_or(|error| error.is_bad_artefact()));
        }
        assert!(pages.read(0, &mut [&mut vec![0.0; whole.len()]]).is_err());
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
