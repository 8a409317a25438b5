//! Tensor files: safetensors, streamed out and mapped in.
//!
//! ```text
//! 0            8  length of the header N, u64
//! 8            N  header: JSON {"__metadata__": {…}, NAME: {"dtype", "shape", "data_offsets"}},
//!                 padded with spaces so that 8 + N is a multiple of 64
//! 8 + N        …  tensors, contiguous, no holes, widest type first so that all are aligned
//! ```
//!
//! The layout is that of the safetensors format, version 0.x (github.com/huggingface/safetensors,
//! "Format"), so Python, Rust and JavaScript programs open these files without wordmill. Its own
//! `__metadata__` keys are `kind`, `version`, `xxh3.NAME` (hex digest of each tensor), and
//! settings. A tensor may be streamed before its length is known: space for the header is reserved
//! first and filled in last.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::Pod;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::artefact::{ArtefactWriter, Published};
use crate::checksum::xxh3;
use crate::error::FormatError;
use crate::storage::{Mapped, ReadFile, Storage};

/// Limit of the header; the safetensors library has the same.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Space for one tensor's entry and digest in the header, without its name.
const ENTRY_ROOM: usize = 256;
/// First version of a kind of tensor files; the safetensors layout itself has none.
const VERSION: u32 = 1;

/// Whether a file has JSON at the place of a tensor file's header.
///
/// # Errors
/// Storage errors.
pub fn is_tensor_file(storage: &Arc<dyn Storage>, path: &Path) -> Result<bool, FormatError> {
    let file = storage.open(path).map_err(|e| FormatError::io(path, "opening", e))?;
    let mut first = [0; 1];
    if file.len() > 8 {
        file.read_exact_at(8, &mut first).map_err(|e| FormatError::io(path, "reading", e))?;
    }
    Ok(first == *b"{")
}

/// Element types that wordmill uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Dtype {
    U8,
    I8,
    F16,
    U32,
    U64,
    F32,
}

impl Dtype {
    /// Bytes of one element.
    pub fn bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::F16 => 2,
            Self::U32 | Self::F32 => 4,
            Self::U64 => 8,
        }
    }
}

/// The place of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Element type.
    pub dtype: Dtype,
    /// Shape, outermost first.
    pub shape: Vec<u64>,
    /// Offset of the first byte in the file.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonTensor {
    dtype: Dtype,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// A tensor file being written aside.
pub struct TensorWriter {
    artefact: ArtefactWriter,
    metadata: BTreeMap<String, String>,
    room: u64,
    tensors: Vec<(String, JsonTensor)>,
    open: Option<(String, Dtype, u64, Xxh3)>,
}

impl TensorWriter {
    /// Starts a file of `kind` with settings, and reserves space in the header for `names`.
    pub fn create(
        storage: &Arc<dyn Storage>,
        path: &Path,
        kind: &str,
        names: &[&str],
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, FormatError> {
        let mut metadata = settings.clone();
        metadata.insert("kind".into(), kind.into());
        metadata.insert("version".into(), VERSION.to_string());
        let fixed = serde_json::to_vec(&metadata).expect("strings are JSON").len();
        let room = fixed + names.iter().map(|name| 2 * name.len() + ENTRY_ROOM).sum::<usize>();
        let room = (8 + room as u64 + 64).next_multiple_of(64);
        let mut artefact = ArtefactWriter::create_file(storage, path, "safetensors")?;
        artefact.append(&vec![b' '; room as usize])?;
        Ok(Self { artefact, metadata, room, tensors: Vec::new(), open: None })
    }

    /// The path that the file will have.
    pub(crate) fn path(&self) -> &Path {
        self.artefact.path()
    }

    /// Sets a later version of its kind, of one digit.
    pub fn set_version(&mut self, version: u32) {
        assert!(version < 10, "the header has room for one digit");
        self.metadata.insert("version".into(), version.to_string());
    }

    /// Begins the next tensor. Tensors of wider types come first.
    pub fn begin(&mut self, name: &str, dtype: Dtype) {
        assert!(self.open.is_none(), "the tensor before {name} has not ended");
        let offset = self.artefact.bytes() - self.room;
        assert!(offset.is_multiple_of(dtype.bytes()), "tensor {name} would not be aligned");
        self.open = Some((name.to_owned(), dtype, offset, Xxh3::new()));
    }

    /// Appends elements.
    pub fn write<T: Pod>(&mut self, elements: &[T]) -> Result<(), FormatError> {
        let bytes: &[u8] = bytemuck::cast_slice(elements);
        let (_, _, _, digest) = self.open.as_mut().expect("begin comes before write");
        digest.update(bytes);
        self.artefact.append(bytes)
    }

    /// Ends the tensor; its shape must fit the written elements.
    pub fn end(&mut self, shape: &[u64]) {
        let (name, dtype, offset, digest) = self.open.take().expect("begin comes before end");
        let end = self.artefact.bytes() - self.room;
        let elements: u64 = shape.iter().product();
        assert_eq!(offset + elements * dtype.bytes(), end, "tensor {name} has another shape");
        self.metadata.insert(format!("xxh3.{name}"), format!("{:016x}", digest.digest()));
        let tensor = JsonTensor { dtype, shape: shape.to_vec(), data_offsets: [offset, end] };
        self.tensors.push((name, tensor));
    }

    /// Writes a whole tensor.
    pub fn tensor<T: Pod>(
        &mut self,
        name: &str,
        dtype: Dtype,
        shape: &[u64],
        elements: &[T],
    ) -> Result<(), FormatError> {
        self.begin(name, dtype);
        self.write(elements)?;
        self.end(shape);
        Ok(())
    }

    /// Fills in the header and publishes the file.
    pub fn finish(mut self) -> Result<Published, FormatError> {
        let mut header = String::from("{\"__metadata__\":");
        header += &serde_json::to_string(&self.metadata).expect("strings are JSON");
        for (name, tensor) in &self.tensors {
            let name = serde_json::to_string(name).expect("a string is JSON");
            let tensor = serde_json::to_string(tensor).expect("numbers are JSON");
            write!(header, ",{name}:{tensor}").expect("writing to a string");
        }
        header.push('}');
        let mut bytes = (self.room - 8).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        assert!(bytes.len() as u64 <= self.room, "the header outgrew its room");
        bytes.resize(self.room as usize, b' ');
        self.artefact.patch(0, &bytes)?;
        self.artefact.finish(xxh3(&bytes))
    }
}

/// The header of a tensor file: the place of each tensor.
#[derive(Clone, Debug)]
pub struct TensorIndex {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, TensorInfo>,
    digest: u64,
}

/// `{NAME: tensor}` in file order, so that a duplicate name is detected.
struct JsonHeader {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, JsonTensor)>,
}

impl<'de> Deserialize<'de> for JsonHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = JsonHeader;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonHeader, A::Error> {
                let mut header = JsonHeader { metadata: BTreeMap::new(), tensors: Vec::new() };
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        header.metadata = map.next_value()?;
                    } else {
                        header.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl TensorIndex {
    /// Reads and checks the header of a file through `read_at`.
    fn parse(path: &Path, file_bytes: u64, header: &[u8]) -> Result<Self, FormatError> {
        let corrupt = |what: String| FormatError::corrupt(path, 0, what);
        let text = &header[8..];
        let json: JsonHeader = serde_json::from_slice(text)
            .map_err(|e| FormatError::foreign(path, "a safetensors file", e.to_string()))?;
        let start = header.len() as u64;
        let mut tensors = BTreeMap::new();
        let mut spans = Vec::new();
        for (name, tensor) in json.tensors {
            let [begin, end] = tensor.data_offsets;
            let elements = tensor.shape.iter().try_fold(1u64, |n, &side| n.checked_mul(side));
            let bytes = elements.and_then(|n| n.checked_mul(tensor.dtype.bytes()));
            if bytes.is_none() || end.checked_sub(begin) != bytes {
                return Err(corrupt(format!("tensor {name} has another length than its shape")));
            }
            spans.push((begin, end));
            let (offset, bytes) = (start.saturating_add(begin), end - begin);
            let info = TensorInfo { dtype: tensor.dtype, shape: tensor.shape, offset, bytes };
            if tensors.insert(name.clone(), info).is_some() {
                return Err(corrupt(format!("tensor {name} occurs twice")));
            }
        }
        spans.sort_unstable();
        let mut next = 0;
        for (begin, end) in spans {
            if begin != next {
                return Err(corrupt("tensors overlap or leave a hole".into()));
            }
            next = end;
        }
        if start.checked_add(next) != Some(file_bytes) {
            let what =
                format!("{file_bytes} bytes long, its header says {}", start.saturating_add(next));
            return Err(FormatError::corrupt(path, file_bytes, what));
        }
        let digest = xxh3(header);
        Ok(Self { path: path.to_path_buf(), metadata: json.metadata, tensors, digest })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The digest of the file in the manifest.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The `__metadata__` of the file.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// A setting that must exist and parse.
    pub fn setting<T: std::str::FromStr>(&self, key: &str) -> Result<T, FormatError> {
        let value = self.metadata.get(key).and_then(|text| text.parse().ok());
        value.ok_or_else(|| FormatError::corrupt(&self.path, 8, format!("no usable setting {key}")))
    }

    /// Fails unless the file is of this kind, in its first version.
    pub fn expect_kind(&self, kind: &str) -> Result<(), FormatError> {
        self.expect_version(kind, VERSION)
    }

    /// Fails unless the file is of this kind, in a version up to `known`.
    pub fn expect_version(&self, kind: &str, known: u32) -> Result<(), FormatError> {
        let found = self.metadata.get("kind").map_or("no kind", String::as_str);
        if found != kind {
            let what = format!("its kind is {found:?}");
            return Err(FormatError::foreign(&self.path, format!("a {kind} file"), what));
        }
        let found = self.metadata.get("version").and_then(|text| text.parse().ok()).unwrap_or(0);
        if !(u64::from(VERSION)..=u64::from(known)).contains(&found) {
            return Err(FormatError::Version {
                path: self.path.clone(),
                found,
                known: known.into(),
            });
        }
        Ok(())
    }

    /// All tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    /// A tensor that must exist with this type and number of dimensions.
    pub fn info(&self, name: &str, dtype: Dtype, dims: usize) -> Result<&TensorInfo, FormatError> {
        let info = self.tensors.get(name);
        info.filter(|info| info.dtype == dtype && info.shape.len() == dims).ok_or_else(|| {
            let what = format!("no {dims}-dimensional {dtype:?} tensor called {name}");
            FormatError::corrupt(&self.path, 8, what)
        })
    }

    fn check_digest(&self, name: &str, digest: u64) -> Result<(), FormatError> {
        let said = self.metadata.get(&format!("xxh3.{name}"));
        match said.map(|hex| u64::from_str_radix(hex, 16)) {
            Some(Ok(said)) if said == digest => Ok(()),
            None => Ok(()),
            Some(_) => {
                let offset = self.tensors[name].offset;
                Err(FormatError::corrupt(&self.path, offset, format!("the checksum of {name}")))
            }
        }
    }
}

/// The length of the header including its length field, checked against the file.
fn header_bytes(path: &Path, first: [u8; 8], file_bytes: u64) -> Result<usize, FormatError> {
    let length = u64::from_le_bytes(first);
    if length > MAX_HEADER_BYTES {
        let what = "the length of its header makes no sense";
        return Err(FormatError::foreign(path, "a safetensors file", what));
    }
    if 8 + length > file_bytes {
        return Err(FormatError::corrupt(path, file_bytes, "the file ends inside its header"));
    }
    Ok(8 + length as usize)
}

/// A mapped tensor file: tensors are slices of it.
#[derive(Clone, Debug)]
pub struct TensorFile {
    index: TensorIndex,
    map: Mapped,
}

impl TensorFile {
    /// Maps a file and checks its header, but not its tensors.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let map = storage.map(path).map_err(|e| FormatError::io(path, "opening", e))?;
        let Some(first) = map.first_chunk::<8>() else {
            return Err(FormatError::corrupt(path, 0, "the file is too short to be safetensors"));
        };
        let header = header_bytes(path, *first, map.len() as u64)?;
        let index = TensorIndex::parse(path, map.len() as u64, &map[..header])?;
        Ok(Self { index, map })
    }

    /// The header.
    pub fn index(&self) -> &TensorIndex {
        &self.index
    }

    /// The elements of a tensor of this type and number of dimensions.
    pub fn view<T: Pod>(&self, name: &str, dtype: Dtype, dims: usize) -> Result<&[T], FormatError> {
        let info = self.index.info(name, dtype, dims)?;
        let bytes = &self.map[info.offset as usize..(info.offset + info.bytes) as usize];
        bytemuck::try_cast_slice(bytes).map_err(|_| {
            let what = format!("tensor {name} is not aligned");
            FormatError::corrupt(self.index.path(), info.offset, what)
        })
    }

    /// Reads every tensor and compares it with its checksum.
    pub fn verify(&self) -> Result<(), FormatError> {
        for (name, info) in &self.index.tensors {
            let bytes = &self.map[info.offset as usize..(info.offset + info.bytes) as usize];
            self.index.check_digest(name, xxh3(bytes))?;
        }
        Ok(())
    }
}

/// A tensor file read at offsets, without a map, for passes that should not stay in memory.
#[derive(Clone)]
pub struct TensorReader {
    index: TensorIndex,
    file: Arc<dyn ReadFile>,
}

impl TensorReader {
    /// Opens a file and checks its header.
    pub fn open(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let io = |attempt| move |e| FormatError::io(path, attempt, e);
        let file = storage.open(path).map_err(io("opening"))?;
        let mut first = [0u8; 8];
        if file.len() < 8 {
            return Err(FormatError::corrupt(path, 0, "the file is too short to be safetensors"));
        }
        file.read_exact_at(0, &mut first).map_err(io("reading"))?;
        let mut header = vec![0; header_bytes(path, first, file.len())?];
        file.read_exact_at(0, &mut header).map_err(io("reading"))?;
        let index = TensorIndex::parse(path, file.len(), &header)?;
        Ok(Self { index, file })
    }

    /// The header.
    pub fn index(&self) -> &TensorIndex {
        &self.index
    }

    /// Reads elements `first..first + out.len()` of a tensor.
    pub fn read<T: Pod>(
        &self,
        info: &TensorInfo,
        first: u64,
        out: &mut [T],
    ) -> Result<(), FormatError> {
        let size = size_of::<T>() as u64;
        let end = first.checked_add(out.len() as u64).and_then(|end| end.checked_mul(size));
        assert!(size == info.dtype.bytes() && end.is_some_and(|end| end <= info.bytes));
        self.file
            .read_exact_at(info.offset + first * size, bytemuck::cast_slice_mut(out))
            .map_err(|e| FormatError::io(self.index.path(), "reading", e))
    }

    /// Reads every tensor in pieces and compares it with its checksum.
    pub fn verify(&self) -> Result<(), FormatError> {
        let mut buffer = vec![0u8; 1 << 18];
        for (name, info) in &self.index.tensors {
            let mut digest = Xxh3::new();
            let mut done = 0;
            while done < info.bytes {
                let bytes = (info.bytes - done).min(buffer.len() as u64) as usize;
                self.file
                    .read_exact_at(info.offset + done, &mut buffer[..bytes])
                    .map_err(|e| FormatError::io(self.index.path(), "reading", e))?;
                digest.update(&buffer[..bytes]);
                done += bytes as u64;
            }
            self.index.check_digest(name, digest.digest())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStorage;
    use std::io::Write;

    fn sample(storage: &Arc<dyn Storage>, path: &Path) -> Published {
        let settings = BTreeMap::from([("window".into(), "5".into())]);
        let names = ["counts", "matrix", "bytes"];
        let mut writer = TensorWriter::create(storage, path, "thing", &names, &settings).unwrap();
        writer.tensor("counts", Dtype::U64, &[2], &[1u64, 1 << 40]).unwrap();
        writer.tensor("matrix", Dtype::F32, &[3, 1], &[0.5f32, -1.0, f32::MIN]).unwrap();
        writer.tensor("bytes", Dtype::U8, &[5], b"hello").unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn tensors_come_back_mapped_and_read() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let path = Path::new("a.safetensors");
        let published = sample(&storage, path);
        let file = TensorFile::open(&storage, path).unwrap();
        assert_eq!(file.index().digest(), published.xxh3);
        assert_eq!(file.index().setting::<u32>("window").unwrap(), 5);
        file.index().expect_kind("thing").unwrap();
        assert!(file.index().expect_kind("other").unwrap_err().is_bad_artefact());
        file.verify().unwrap();
        assert_eq!(file.view::<u64>("counts", Dtype::U64, 1).unwrap(), [1, 1 << 40]);
        assert_eq!(file.view::<f32>("matrix", Dtype::F32, 2).unwrap(), [0.5, -1.0, f32::MIN]);
        assert!(file.view::<f32>("matrix", Dtype::F32, 1).is_err());
        let reader = TensorReader::open(&storage, path).unwrap();
        reader.verify().unwrap();
        let mut one = [0u64];
        reader.read(reader.index().info("counts", Dtype::U64, 1).unwrap(), 1, &mut one).unwrap();
        assert_eq!(one, [1 << 40]);
    }

    #[test]
    fn every_cut_and_flipped_bit_outside_the_padding_is_noticed() {
        let memory = MemoryStorage::default();
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let path = Path::new("a.safetensors");
        sample(&storage, path);
        let whole = memory.snapshot().remove(path).unwrap();
        let digest = TensorFile::open(&storage, path).unwrap().index().digest();
        let read_all = |bytes: &[u8]| {
            storage.create(path).unwrap().write_all(bytes).unwrap();
            let file = TensorFile::open(&storage, path)?;
            file.verify()?;
            Ok::<_, FormatError>(file.index().digest())
        };
        for cut in 0..whole.len() {
            assert!(read_all(&whole[..cut]).unwrap_err().is_bad_artefact(), "cut at {cut}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // A flipped bit in the text of the header may still be JSON; then the digest in the
            // manifest differs.
            assert_ne!(read_all(&bytes).ok(), Some(digest), "bit {bit}");
        }
    }
}
