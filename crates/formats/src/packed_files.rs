//! Outputs that are packed as they are written, because their names end as those of gzip or zstd.
//!
//! What is written has to be written from front to back: [`PackedFiles`] refuses what goes back in its file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::write::GzEncoder;
use zstd::stream::write::Encoder;

use crate::compression::Compression;
use crate::storage::{Mapped, Outlet, ReadFile, Storage, WriteFile};

/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// A storage whose new files are packed, before another one.
#[derive(Debug)]
pub struct PackedFiles {
    storage: Arc<dyn Storage>,
    compression: Compression,
}

impl PackedFiles {
    /// Packs by gzip or zstd, if the name of the output asks for one of them; otherwise the storage stays what it is.
    #[must_use]
    pub fn of_ending(storage: &Arc<dyn Storage>, out: &Path) -> Option<Self> {
        let compression = compression_of(out)?;
        Some(Self { storage: Arc::clone(storage), compression })
    }

    /// Whether the name of an output asks for packing.
    #[must_use]
    pub fn is_asked(out: &Path) -> bool {
        compression_of(out).is_some()
    }

    fn packing(&self, file: Box<dyn WriteFile>) -> io::Result<Box<dyn WriteFile>> {
        Ok(match self.compression {
            Compression::Gzip => Box::new(GzEncoder::new(file, flate2::Compression::default())),
            _ => Box::new(Encoder::new(file, ZSTD_LEVEL)?),
        })
    }
}

/// What the name of an output asks for.
fn compression_of(out: &Path) -> Option<Compression> {
    match out.extension()?.to_str()? {
        "gz" => Some(Compression::Gzip),
        "zst" => Some(Compression::Zstd),
        _ => None,
    }
}

impl WriteFile for GzEncoder<Box<dyn WriteFile>> {
    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::NotSeekable.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.try_finish()?;
        self.get_mut().sync()
    }
}

impl WriteFile for Encoder<'_, Box<dyn WriteFile>> {
    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::NotSeekable.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.do_finish()?;
        self.flush()?;
        self.get_mut().sync()
    }
}

impl Storage for PackedFiles {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.packing(self.storage.create(path)?)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.storage.open(path)
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        self.storage.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.storage.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.storage.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.storage.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.storage.sync_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.storage.list(dir)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.storage.size(path)
    }

    fn outlet(&self, path: &Path) -> io::Result<Outlet> {
        Ok(match self.storage.outlet(path)? {
            Outlet::Stream(file) => Outlet::Stream(self.packing(file)?),
            file => file,
        })
    }

    fn is_stream_out(&self, path: &Path) -> bool {
        self.storage.is_stream_out(path)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::{ArtefactWriter, MemoryStorage, read_file, xxh3};

    #[test]
    fn what_is_written_is_packed_once_it_is_finished() {
        let memory: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        for name in ["a.vec.gz", "a.vec.zst"] {
            let path = Path::new(name);
            let packed: Arc<dyn Storage> =
                Arc::new(PackedFiles::of_ending(&memory, path).expect("it is packed"));
            let text = b"the mill grinds ".repeat(1000);
            let mut writer = ArtefactWriter::create(&packed, path).unwrap();
            text.chunks(700).for_each(|piece| writer.append(piece).unwrap());
            writer.finish(xxh3(&text)).unwrap();
            let bytes = read_file(&memory, path, 1 << 20).unwrap();
            assert!(bytes.len() < text.len() / 10, "{name}: {} bytes", bytes.len());
            let compression = Compression::of(&bytes).expect("it is recognised");
            let mut found = Vec::new();
            compression.unpack(&bytes[..]).unwrap().read_to_end(&mut found).unwrap();
            assert_eq!(found, text, "{name}");
        }
        assert!(PackedFiles::of_ending(&memory, Path::new("a.vec")).is_none());
    }
}
