//! Unpacks the members of a packed file one after another, and checks the bytes that follow them.
//!
//! A *member* is what a packer writes in one go; files of several members are read whole. Zeros after the last member
//! are padding, as left by programs that write blocks, and ignored; any other bytes may be a damaged member and are
//! refused with their offset. A *window* is how far back a member may refer, which has to be kept in memory. The first
//! bytes of a file state it, and a later member may not need more.

use std::fmt;
use std::io::{self, BufRead, Read};

#[cfg(feature = "xz")]
use crate::packing::XZ_MEMORY_USUAL;
use crate::packing::{self, Packing, ZSTD_WINDOW_LOG_MAX};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// The window that every member may have: that of level 19.
const ZSTD_WINDOW_LOG_USUAL: u32 = 23;

type Raw = Ahead<Box<dyn Read + Send>>;

/// The unpacked bytes of a file that begins with `head`.
pub(super) fn unpack(
    raw: Box<dyn Read + Send>,
    packed: Packing,
    head: &[u8],
) -> io::Result<Box<dyn Read + Send>> {
    let raw = Ahead::new(raw);
    Ok(match packed {
        Packing::Plain => Box::new(raw),
        Packing::Gzip => Box::new(Members::<flate2::bufread::GzDecoder<Raw>>::new(raw, 0)),
        Packing::Bzip2 => Box::new(Members::<bzip2::bufread::BzDecoder<Raw>>::new(raw, 0)),
        Packing::Zstd => {
            let log = packing::zstd_window(head)
                .map_or(0, |window| 64 - window.saturating_sub(1).leading_zeros());
            let log = log.clamp(ZSTD_WINDOW_LOG_USUAL, ZSTD_WINDOW_LOG_MAX);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(raw)?;
            decoder.window_log_max(log)?;
            Box::new(Frames { decoder, log })
        }
        #[cfg(feature = "xz")]
        Packing::Xz => {
            let memory = packing::unpacker_bytes(head).max(XZ_MEMORY_USUAL);
            Box::new(Members::<liblzma::bufread::XzDecoder<Raw>>::new(raw, memory))
        }
    })
}

/// Why the rest of a packed file cannot be read; wrapped in an I/O error.
#[derive(Debug)]
pub(super) enum UnpackError {
    /// Other bytes follow the last member.
    Behind {
        /// Where they begin.
        offset: u64,
    },
    /// A member needs more memory than the first bytes of the file state.
    Memory {
        /// The limit.
        bytes: u64,
    },
}

impl fmt::Display for UnpackError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind { offset } => write!(out, "other bytes follow from byte {offset} on"),
            Self::Memory { bytes } => write!(out, "a later part needs more than {bytes} bytes"),
        }
    }
}

impl std::error::Error for UnpackError {}

/// Frames of zstd. Its library reads all of them, and skips skippable ones.
struct Frames {
    decoder: zstd::stream::read::Decoder<'static, Raw>,
    log: u32,
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(buffer).map_err(|error| {
            // Its errors have only names, no kinds.
            let text = error.to_string();
            if text.contains("requires too much memory") {
                return io::Error::other(UnpackError::Memory { bytes: 1 << self.log });
            }
            if text.contains("Unknown frame descriptor") {
                let offset = self.decoder.get_ref().offset();
                return io::Error::other(UnpackError::Behind { offset });
            }
            error
        })
    }
}

/// A decoder of one member.
trait Member: Read + Sized {
    /// The first bytes of a member, as far as they are checked.
    fn begins(head: &[u8]) -> bool;
    /// Reads a member; `memory` is the limit, if known.
    fn open(raw: Raw, memory: u64) -> io::Result<Self>;
    /// The bytes after the member once it is read.
    fn rest(self) -> Raw;
}

impl Member for flate2::bufread::GzDecoder<Raw> {
    fn begins(head: &[u8]) -> bool {
        packing::packing(head) == Packing::Gzip
    }
    fn open(raw: Raw, _: u64) -> io::Result<Self> {
        Ok(Self::new(raw))
    }
    fn rest(self) -> Raw {
        self.into_inner()
    }
}

impl Member for bzip2::bufread::BzDecoder<Raw> {
    fn begins(head: &[u8]) -> bool {
        packing::packing(head) == Packing::Bzip2
    }
    fn open(raw: Raw, _: u64) -> io::Result<Self> {
        Ok(Self::new(raw))
    }
    fn rest(self) -> Raw {
        self.into_inner()
    }
}

#[cfg(feature = "xz")]
impl Member for liblzma::bufread::XzDecoder<Raw> {
    fn begins(head: &[u8]) -> bool {
        packing::packing(head) == Packing::Xz
    }
    fn open(raw: Raw, memory: u64) -> io::Result<Self> {
        let stream = liblzma::stream::Stream::new_stream_decoder(memory, 0)?;
        Ok(Self::new_stream(raw, stream))
    }
    fn rest(self) -> Raw {
        self.into_inner()
    }
}

/// Members one after another.
struct Members<M> {
    member: Option<M>,
    /// The bytes after a member, between two.
    raw: Option<Raw>,
    memory: u64,
    is_first: bool,
}

impl<M: Member> Members<M> {
    fn new(raw: Raw, memory: u64) -> Self {
        Self { member: None, raw: Some(raw), memory, is_first: true }
    }

    /// Begins the next member; `false` at the end of the file.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(mut raw) = self.raw.take() else { return Ok(false) };
        if !std::mem::take(&mut self.is_first) && !is_next::<M>(&mut raw)? {
            return Ok(false);
        }
        self.member = Some(M::open(raw, self.memory)?);
        Ok(true)
    }
}

/// Whether another member follows, after zeros or at once.
fn is_next<M: Member>(raw: &mut Raw) -> io::Result<bool> {
    loop {
        let head = raw.peek(packing::FRAME_HEAD_BYTES)?;
        let zeros = head.iter().take_while(|byte| **byte == 0).count();
        if head.is_empty() {
            return Ok(false);
        }
        if zeros == 0 {
            let offset = raw.offset();
            return match M::begins(raw.peek(packing::FRAME_HEAD_BYTES)?) {
                true => Ok(true),
                false => Err(io::Error::other(UnpackError::Behind { offset })),
            };
        }
        raw.consume(zeros);
    }
}

impl<M: Member> Read for Members<M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(member) = &mut self.member else {
                match self.advance()? {
                    true => continue,
                    false => return Ok(0),
                }
            };
            match member.read(buffer) {
                Ok(0) => self.raw = self.member.take().map(M::rest),
                Ok(count) => return Ok(count),
                Err(error) if is_memory_limit(&error) => {
                    return Err(io::Error::other(UnpackError::Memory { bytes: self.memory }));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(feature = "xz")]
fn is_memory_limit(error: &io::Error) -> bool {
    use liblzma::stream::Error;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    inner.is_some_and(|inner| *inner == Error::MemLimit)
}

#[cfg(not(feature = "xz"))]
fn is_memory_limit(_: &io::Error) -> bool {
    false
}

/// A file with a look-ahead buffer.
struct Ahead<R> {
    inner: R,
    buffer: Vec<u8>,
    held: std::ops::Range<usize>,
    /// The offset of the buffer in the file.
    offset: u64,
}

impl<R: Read> Ahead<R> {
    fn new(inner: R) -> Self {
        Self { inner, buffer: vec![0; READ_BYTES], held: 0..0, offset: 0 }
    }

    /// The current offset.
    fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes, this many unless the file ends before.
    fn peek(&mut self, bytes: usize) -> io::Result<&[u8]> {
        if self.held.len() < bytes {
            self.buffer.copy_within(self.held.clone(), 0);
            self.held = 0..self.held.len();
            while self.held.len() < bytes {
                match self.inner.read(&mut self.buffer[self.held.end..]) {
                    Ok(0) => break,
                    Ok(count) => self.held.end += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let end = self.held.end.min(self.held.start + bytes);
        Ok(&self.buffer[self.held.start..end])
    }
}

impl<R: Read> BufRead for Ahead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)?;
        Ok(&self.buffer[self.held.clone()])
    }

    fn consume(&mut self, bytes: usize) {
        self.held.start += bytes;
        self.offset += bytes as u64;
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.held.is_empty() && buffer.len() >= READ_BYTES {
            let count = self.inner.read(buffer)?;
            self.offset += count as u64;
            return Ok(count);
        }
        let held = self.fill_buf()?;
        let count = held.len().min(buffer.len());
        buffer[..count].copy_from_slice(&held[..count]);
        self.consume(count);
        Ok(count)
    }
}
