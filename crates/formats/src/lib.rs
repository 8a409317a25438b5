//! The formats of all files that wordmill writes.
//!
//! Terms: a [`Storage`] is where files live (disk, memory, a faulty double); an [`ArtefactWriter`]
//! writes a file aside and publishes it by rename; a framed file ([`FrameWriter`], [`FrameFile`])
//! is a sequence of checksummed, compressed blocks; a tensor file ([`TensorWriter`],
//! [`TensorFile`]) is safetensors, mapped; a [`RunDir`] knows the path of each artefact of a run
//! and a [`Manifest`] is its ledger, `run.json`.
//!
//! The artefacts of the stages have their own readers and writers: token shards, word lists and
//! remaps ([`TokenShard`], [`WordListReader`], [`read_remap`]), CSR shards ([`CsrShard`]), tiles
//! ([`StripeFile`]), vectors ([`Vectors`]). Stages share only these types.
//!
//! This crate starts no thread, prints nothing and does not know how an artefact is computed. All
//! layouts are little-endian with fixed widths; each is documented once, beside its constants.
//!
//! ```
//! use wordmill_formats::{FrameFile, FrameWriter, Kind, MemoryStorage, Storage};
//! use std::{path::Path, sync::Arc};
//!
//! let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
//! let mut writer = FrameWriter::create(&storage, Path::new("a.run"), Kind::RUN)?;
//! writer.frame(7, 3, b"three items")?;
//! writer.finish()?;
//! let file = FrameFile::open(&storage, Path::new("a.run"), Kind::RUN)?;
//! assert_eq!(file.read(0, &mut Vec::new())?, b"three items");
//! # Ok::<(), wordmill_formats::FormatError>(())
//! ```

#[cfg(target_endian = "big")]
compile_error!("wordmill's files are little-endian and mapped as they are");

mod error;
mod storage;

mod disk;
mod faulty;
mod memory;
mod meter;
mod metered;
mod recording;

mod artefact;
mod cells;
mod checksum;
mod codes;
mod compression;
mod counted;
mod float16;
mod frame;
mod intake;
mod order_hash;
mod outlet;
mod packed_files;
mod packing;
mod pages;
mod scratch;
mod spool;
mod tensor;
mod varint;

mod manifest;
mod rundir;
mod shards;

mod matrix;
mod tiles;
mod tokens;
mod vectors;
mod words;

pub mod compat;

pub use artefact::{
    ArtefactWriter, Published, check_no_stream, copy_file, digest_file, read_file, write_file,
};
pub use cells::{CellBlock, CellCodes, CellPacker, TileCell};
pub use checksum::xxh3;
pub use compression::Compression;
pub use counted::{agree, counted};
pub use disk::{DiskStorage, free_bytes, on_cut_map, open_file_limit};
pub use error::FormatError;
pub use faulty::{Failure, Fault, FaultyStorage, Operation, Span};
pub use float16::{from_f16, to_f16};
pub use frame::{FrameEntry, FrameFile, FrameWriter, Kind};
pub use intake::{Intake, Taken, is_stream};
pub use manifest::{Manifest, OutputRow, PipelineSource, StageRow, StageState};
pub use matrix::{CsrShard, CsrShardReader, CsrShardWriter, MatrixIndex, MatrixShardRow};
pub use memory::MemoryStorage;
pub use meter::Meter;
pub use metered::MeteredStorage;
pub use outlet::{UserFiles, is_stream_out};
pub use packed_files::PackedFiles;
pub use packing::{MAX_FRAME_BYTES, MAX_PLANES, PackedFrame, Packing, Planes};
pub use pages::Pages;
pub use recording::{Record, RecordingStorage};
pub use rundir::{LockError, RunDir, RunLock};
pub use scratch::ScratchStorage;
pub use shards::{IndexedFile, ShardId, TokenIndex, TokenIndexRow};

pub use spool::Spool;
pub use storage::{FileReader, Mapped, Outlet, ReadFile, Storage, WriteFile};
pub use tensor::{
    Dtype, TensorFile, TensorIndex, TensorInfo, TensorReader, TensorWriter, is_tensor_file,
};
pub use tiles::{
    CellSource, Segment, StripeFile, StripeLayout, StripeWriter, TileGrid, TileSection,
};
pub use tokens::{
    FRAME_TOKENS, LINE_END, NO_WORD, RemapWriter, TokenShard, TokenShardWriter, WordListReader,
    WordListWriter, local_ids, read_remap,
};
pub use varint::{get_varint, put_varint};
pub use vectors::{SpelledAmong, Spelling, Vectors, VectorsWriter};
pub use words::{WORD_TENSORS, WordTable, WordTensors, Words, write_words};
