//! NumPy's archive of arrays, which `numpy.load` and `scipy.sparse.load_npz` open.
//!
//! An `.npz` file is a zip archive (PKWARE's APPNOTE 6.3) of `.npy` files (NEP 1), here stored, not
//! packed. As with `numpy.savez`, every member has its lengths in the zip64 field of its local
//! header, so arrays may have any size; the directory has zip64 fields only if a number does not fit
//! into 32 bits. Lengths, checksums and shapes are patched in when an array is complete. Times are
//! those of 1980-01-01, so that equal arrays give equal bytes.

use std::path::Path;
use std::sync::Arc;

use bytemuck::Pod;
use flate2::Crc;

use crate::artefact::{ArtefactWriter, Published};
use crate::checksum::xxh3;
use crate::error::FormatError;
use crate::storage::Storage;

/// The version of zip that knows zip64.
const ZIP_VERSION: u16 = 45;
/// 1980-01-01 in the format of DOS.
const ZIP_DATE: u16 = 1 << 5 | 1;
/// Represents a number that is in a zip64 field.
const IN_ZIP64: u32 = u32::MAX;
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_ZIP64: u32 = 0x0606_4b50;
const LOCATOR_ZIP64: u32 = 0x0706_4b50;
/// Space for the header of an array; shapes of one dimension fit easily.
const NPY_HEADER_BYTES: usize = 128;

/// Types of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NpyType {
    /// 32-bit integers.
    I32,
    /// 64-bit integers.
    I64,
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
    /// Three bytes of text.
    Text3,
}

impl NpyType {
    /// NumPy's name of the type, and the size of an element in bytes.
    fn describe(self) -> (&'static str, u64) {
        match self {
            Self::I32 => ("<i4", 4),
            Self::I64 => ("<i8", 8),
            Self::F32 => ("<f4", 4),
            Self::F64 => ("<f8", 8),
            Self::Text3 => ("|S3", 3),
        }
    }
}

/// Types that an array may be written from; signed integers as unsigned ones of the same bits.
pub trait NpyElement: Pod {}

impl NpyElement for u8 {}
impl NpyElement for u32 {}
impl NpyElement for u64 {}
impl NpyElement for f32 {}
impl NpyElement for f64 {}

/// An archive being written, array by array.
pub struct NpzWriter {
    artefact: ArtefactWriter,
    members: Vec<Member>,
    open: Option<Open>,
}

/// A finished member of the archive.
#[derive(Clone, Debug)]
struct Member {
    name: String,
    offset: u64,
    bytes: u64,
    crc: u32,
}

/// The array being written.
struct Open {
    name: String,
    offset: u64,
    element: NpyType,
    bytes: u64,
    crc: Crc,
}

impl NpzWriter {
    /// Starts an archive.
    pub fn create(storage: &Arc<dyn Storage>, path: &Path) -> Result<Self, FormatError> {
        let artefact = ArtefactWriter::create_file(storage, path, "npz")?;
        Ok(Self { artefact, members: Vec::new(), open: None })
    }

    /// Begins the array `name`.
    pub fn begin(&mut self, name: &str, element: NpyType) -> Result<(), FormatError> {
        assert!(self.open.is_none(), "an array is not complete");
        let (name, offset) = (format!("{name}.npy"), self.artefact.bytes());
        self.artefact.append(&local_header(&name, 0, 0))?;
        self.artefact.append(&[b' '; NPY_HEADER_BYTES])?;
        self.open = Some(Open { name, offset, element, bytes: 0, crc: Crc::new() });
        Ok(())
    }

    /// Appends elements to the array.
    pub fn write<T: NpyElement>(&mut self, elements: &[T]) -> Result<(), FormatError> {
        let open = self.open.as_mut().expect("an array was begun");
        let bytes: &[u8] = bytemuck::cast_slice(elements);
        open.crc.update(bytes);
        open.bytes += bytes.len() as u64;
        self.artefact.append(bytes)
    }

    /// Completes the array, whose shape is now known: empty for a scalar, or its length.
    pub fn end(&mut self, shape: &[u64]) -> Result<(), FormatError> {
        let open = self.open.take().expect("an array was begun");
        let elements: u64 = shape.iter().product();
        let (_, size) = open.element.describe();
        assert_eq!(Some(open.bytes), elements.checked_mul(size), "{}: elements", open.name);
        let header = npy_header(open.element, shape);
        // The checksum covers the header, which comes first and is known last.
        let mut crc = Crc::new();
        crc.update(&header);
        crc.combine(&open.crc);
        let bytes = open.bytes + header.len() as u64;
        let local = local_header(&open.name, crc.sum(), bytes);
        self.artefact.patch(open.offset, &local)?;
        self.artefact.patch(open.offset + local.len() as u64, &header)?;
        self.members.push(Member { name: open.name, offset: open.offset, bytes, crc: crc.sum() });
        Ok(())
    }

    /// Writes a whole array.
    pub fn array<T: NpyElement>(
        &mut self,
        name: &str,
        element: NpyType,
        shape: &[u64],
        elements: &[T],
    ) -> Result<(), FormatError> {
        self.begin(name, element)?;
        self.write(elements)?;
        self.end(shape)
    }

    /// Writes the directory and publishes the file. Its digest is that of the directory, which has
    /// the checksums of all arrays.
    pub fn finish(mut self) -> Result<Published, FormatError> {
        assert!(self.open.is_none(), "an array is not complete");
        let directory = directory(&self.members, self.artefact.bytes());
        self.artefact.append(&directory)?;
        self.artefact.finish(xxh3(&directory))
    }
}

fn npy_header(element: NpyType, shape: &[u64]) -> Vec<u8> {
    let (descr, _) = element.describe();
    let sides: String = shape.iter().map(|side| format!("{side},")).collect();
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}");
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(NPY_HEADER_BYTES as u16 - 10).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    assert!(header.len() < NPY_HEADER_BYTES, "the header outgrew its room");
    header.resize(NPY_HEADER_BYTES - 1, b' ');
    header.push(b'\n');
    header
}

/// The header before a member; its length depends on the name alone.
fn local_header(name: &str, crc: u32, bytes: u64) -> Vec<u8> {
    let mut out = Fields(Vec::new());
    out.u32(LOCAL).u16(ZIP_VERSION).u16(0).u16(0).u16(0).u16(ZIP_DATE);
    out.u32(crc).u32(IN_ZIP64).u32(IN_ZIP64);
    out.u16(name.len() as u16).u16(20).bytes(name.as_bytes());
    out.u16(1).u16(16).u64(bytes).u64(bytes);
    out.0
}

/// The directory and its end, for a file in which it begins at `offset`.
fn directory(members: &[Member], offset: u64) -> Vec<u8> {
    let mut out = Fields(Vec::new());
    for member in members {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(IN_ZIP64);
        let (bytes, start) = (narrow(member.bytes), narrow(member.offset));
        let mut wide = Fields(Vec::new());
        if bytes == IN_ZIP64 {
            wide.u64(member.bytes).u64(member.bytes);
        }
        if start == IN_ZIP64 {
            wide.u64(member.offset);
        }
        let extra = if wide.0.is_empty() { 0 } else { 4 + wide.0.len() as u16 };
        out.u32(CENTRAL).u16(ZIP_VERSION).u16(ZIP_VERSION).u16(0).u16(0).u16(0).u16(ZIP_DATE);
        out.u32(member.crc).u32(bytes).u32(bytes);
        out.u16(member.name.len() as u16).u16(extra).u16(0).u16(0).u16(0).u32(0).u32(start);
        out.bytes(member.name.as_bytes());
        if extra > 0 {
            out.u16(1).u16(wide.0.len() as u16).bytes(&wide.0);
        }
    }
    let (bytes, count) = (out.0.len() as u64, members.len() as u64);
    let narrow = u32::try_from(offset).ok().filter(|offset| *offset != IN_ZIP64);
    if narrow.is_none() {
        let end = offset + bytes;
        out.u32(END_ZIP64).u64(44).u16(ZIP_VERSION).u16(ZIP_VERSION).u32(0).u32(0);
        out.u64(count).u64(count).u64(bytes).u64(offset);
        out.u32(LOCATOR_ZIP64).u32(0).u64(end).u32(1);
    }
    out.u32(END).u16(0).u16(0).u16(count as u16).u16(count as u16);
    out.u32(bytes as u32).u32(narrow.unwrap_or(IN_ZIP64)).u16(0);
    out.0
}

/// Little-endian numbers, one after another.
struct Fields(Vec<u8>);

impl Fields {
    fn u16(&mut self, number: u16) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u32(&mut self, number: u32) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u64(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> u64 {
        bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// Builds the directory of two members, the second at `offset` and of `bytes` bytes, and
    /// returns what a reader finds in it.
    fn check(offset: u64, bytes: u64, end_of_members: u64) {
        let member =
            |name: &str, offset, bytes| Member { name: name.into(), offset, bytes, crc: 7 };
        let members = [member("a.npy", 0, 130), member("b.npy", offset, bytes)];
        let made = directory(&members, end_of_members);
        let end = &made[made.len() - 22..];
        assert_eq!((number(&end[..4]), number(&end[10..12])), (u64::from(END), 2));
        let mut start = number(&end[16..20]);
        if start == u64::from(IN_ZIP64) {
            let locator = &made[made.len() - 42..made.len() - 22];
            assert_eq!(number(&locator[..4]), u64::from(LOCATOR_ZIP64));
            let wide = &made[(number(&locator[8..16]) - end_of_members) as usize..];
            assert_eq!(number(&wide[..4]), u64::from(END_ZIP64));
            assert_eq!((number(&wide[32..40]), number(&wide[40..48])), (2, number(&end[12..16])));
            start = number(&wide[48..56]);
        }
        assert_eq!(start, end_of_members);
        let second = &made[46 + 5..];
        assert_eq!((number(&second[..4]), &second[46..51]), (u64::from(CENTRAL), &b"b.npy"[..]));
        let extra = &second[51..51 + number(&second[30..32]) as usize];
        let mut wide = extra.get(4..).unwrap_or_default().chunks(8).map(number);
        let mut field = |at: usize| match number(&second[at..at + 4]) {
            found if found == u64::from(IN_ZIP64) => wide.next().unwrap(),
            found => found,
        };
        assert_eq!([field(24), field(20), field(42)], [bytes, bytes, offset]);
        assert_eq!(wide.next(), None);
    }

    #[test]
    fn the_directory_is_right_on_both_sides_of_4_gib() {
        let edge = u64::from(u32::MAX);
        check(200, 300, 600);
        check(200, edge - 1, 200 + edge - 1);
        check(200, edge, 200 + edge);
        check(200, 5 << 40, 200 + (5 << 40));
        check(edge - 1, 300, edge + 400);
        check(edge, 300, edge + 400);
        check(7 << 40, 5 << 40, 12 << 40);
    }
}
