//! Kinds of files that hold no vectors this program reads: what they are, and how to get vectors out of them.
//!
//! A file is recognised by its first bytes, never by its name, and not read any further.

use std::path::Path;
use std::sync::Arc;

use crate::artefact::first_bytes;
use crate::compression::archive;
use crate::error::FormatError;
use crate::storage::Storage;

/// A kind of file that holds no vectors that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// What it is.
    pub what: &'static str,
    /// How to get vectors out of it, where `FILE` is its name.
    pub way_out: &'static str,
}

/// How a file of each kind begins, what it is, and the way out.
const KINDS: &[(&[u8], &str, &str)] = &[
    (
        &793_712_314_u32.to_le_bytes(),
        "a binary model of fastText",
        "name the .vec file that fastText wrote beside it; or in Python, gensim.models.fasttext.load_facebook_vectors(\"FILE\")\
         .save_word2vec_format(\"vectors.vec\")",
    ),
    (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", PYTORCH, OF_PYTORCH),
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file",
        "in Python, write the array with numpy.save(\"vectors.npy\", array) and the words to vectors.npy.vocab.txt, one a line",
    ),
    (
        b"version https://git-lfs.github.com/spec/",
        "a pointer of Git LFS, not the file itself",
        "`git lfs pull` in its repository downloads the file",
    ),
    (b"GGUF", "a GGUF model", OF_ARRAYS),
    (
        b"SQLite format 3",
        "an SQLite database",
        "export its table of words and vectors as text first",
    ),
    (b"%PDF-", "a PDF document", NAME_VECTORS),
];
/// Bytes of a file that are looked at.
const HEAD_BYTES: u64 = 1 << 16;
const TENSORS: &str = "a safetensors file of another program";
const PYTORCH: &str = "a checkpoint of PyTorch";
const OF_PYTORCH: &str = "in Python, torch.load(\"FILE\") reads it; write the matrix of the words with \
     numpy.save(\"vectors.npy\", matrix.numpy()) and the words to vectors.npy.vocab.txt, one a line";
const OF_ARRAYS: &str = "write the matrix of its words with numpy.save(\"vectors.npy\", matrix) and the words to \
     vectors.npy.vocab.txt, one a line";
const OF_GENSIM: &str = "in Python, gensim.models.KeyedVectors.load(\"FILE\").save_word2vec_format(\"vectors.bin\", binary=True); \
     of a whole model, gensim.models.Word2Vec.load(\"FILE\").wv";
const OF_NPZ: &str = "in Python, numpy.load(\"FILE\") lists its arrays; write the one of the vectors with \
     numpy.save(\"vectors.npy\", array) and the words to vectors.npy.vocab.txt, one a line";
const OF_TENSORS: &str = "in Python, safetensors.numpy.load_file(\"FILE\") reads it; write the matrix of the words with \
     numpy.save(\"vectors.npy\", matrix) and the words to vectors.npy.vocab.txt, one a line";
const NAME_VECTORS: &str = "name a file of vectors";

impl Stranger {
    /// What the file is that begins with `head`; `None` if it may be read. Archives and models need 512 bytes, safetensors all of
    /// its header.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let is = |what, way_out| Some(Self { what, way_out });
        if head.is_empty() {
            return is("empty", "check how it was made or downloaded");
        }
        if let Some((_, what, way_out)) = KINDS.iter().find(|(begin, ..)| head.starts_with(begin)) {
            return is(what, way_out);
        }
        if head.starts_with(b"PK\x03\x04") {
            return Some(Self::of_zip(head));
        }
        if let Some(found) = archive(head) {
            let (what, way_out) = found.split_once("; ").unwrap_or((found, NAME_VECTORS));
            return is(what, way_out);
        }
        if matches!(head, [0x80, 2..=5, ..]) {
            return match contains(head, b"gensim") {
                true => Some(Self::pickled_by_gensim()),
                false => is("a pickle of Python", OF_ARRAYS),
            };
        }
        let text = head.trim_ascii_start();
        let begins =
            |tag: &[u8]| text.len() >= tag.len() && text[..tag.len()].eq_ignore_ascii_case(tag);
        let is_page = begins(b"<html") && contains(head, b"<head");
        if is_page || begins(b"<!doctype html") {
            return is(
                "a page of HTML, perhaps of a download that failed",
                "download the file again",
            );
        }
        None
    }

    /// The same of a file, safetensors of other programs included.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn at(storage: &Arc<dyn Storage>, path: &Path) -> Result<Option<Self>, FormatError> {
        Ok(Self::of_tensors_too(&first_bytes(storage, path, HEAD_BYTES)?))
    }

    /// Whether it is a safetensors file of another program.
    #[must_use]
    pub fn is_tensors(&self) -> bool {
        self.what == TENSORS
    }

    /// The same, and a safetensors file that another program has written.
    #[must_use]
    pub fn of_tensors_too(head: &[u8]) -> Option<Self> {
        let is_tensors = head.get(6..9) == Some(&[0, 0, b'{']);
        let is_ours = contains(head, b"\"kind\":\"") || contains(head, b"\"kind\": \"");
        match is_tensors && !is_ours {
            true => Some(Self { what: TENSORS, way_out: OF_TENSORS }),
            false => Self::of(head),
        }
    }

    fn of_zip(head: &[u8]) -> Self {
        let name_bytes =
            head.get(26..28).map_or(0, |at| usize::from(u16::from_le_bytes([at[0], at[1]])));
        let name = head.get(30..30 + name_bytes).unwrap_or_default();
        let (what, way_out) = match name {
            _ if name.ends_with(b"/data.pkl") || name.ends_with(b"/.format_version") => {
                (PYTORCH, OF_PYTORCH)
            }
            _ if name.ends_with(b".npy") => ("an npz archive of NumPy", OF_NPZ),
            _ => ("a zip archive", "`unzip -p FILE MEMBER` writes a member to a pipe"),
        };
        Self { what, way_out }
    }

    /// A model of gensim.
    #[must_use]
    pub fn pickled_by_gensim() -> Self {
        Self { what: "a model that gensim has pickled", way_out: OF_GENSIM }
    }

    /// How to get vectors out of a file of this name.
    #[must_use]
    pub fn way_out_of(&self, path: &Path) -> String {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        self.way_out.replace("FILE", &name)
    }

    /// The error about a file of this kind.
    #[must_use]
    pub fn error(&self, path: &Path) -> FormatError {
        let (path, way_out) = (path.to_path_buf(), self.way_out_of(path));
        FormatError::Stranger { path, what: self.what, way_out }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], expected: Option<&str>) {
        assert_eq!(Stranger::of_tensors_too(head).map(|it| it.what), expected, "{head:?}");
    }

    #[test]
    fn files_of_others_are_named() {
        let zip = |member: &str| {
            let mut head = b"PK\x03\x04".to_vec();
            head.resize(26, 0);
            head.extend([member.len() as u8, 0, 0, 0]);
            head.extend(member.bytes());
            head
        };
        check(b"", Some("empty"));
        check(&[0xba, 0x16, 0x4f, 0x2f, 12, 0, 0, 0], Some("a binary model of fastText"));
        check(
            b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x1cgensim.models",
            Some("a model that gensim has pickled"),
        );
        check(b"\x80\x03}q\0.", Some("a pickle of Python"));
        check(&zip("archive/data.pkl"), Some(PYTORCH));
        check(&zip("vectors.npy"), Some("an npz archive of NumPy"));
        check(&zip("glove.6B.50d.txt"), Some("a zip archive"));
        check(&zip("")[..9], Some("a zip archive"));
        check(b"\x89HDF\r\n\x1a\n\0", Some("an HDF5 file"));
        check(b"\n<!DOCTYPE HTML><p>", Some("a page of HTML, perhaps of a download that failed"));
        check(b"\x08\0\0\0\0\0\0\0{\"a\":1}", Some("a safetensors file of another program"));
        check(b"\x08\0\0\0\0\0\0\0{\"__metadata__\":{\"kind\":\"vectors\"", None);
        for text in ["the 0.1 0.2\n", "2 3\na 1 2 3\n", "<html 0.1 0.2", "\u{80}\u{4} 1 2"] {
            check(text.as_bytes(), None);
        }
    }

    #[test]
    fn an_error_names_the_file_in_its_way_out() {
        let error = Stranger::of(b"\x80\x04gensim").unwrap().error(Path::new("a/b.model"));
        assert!(error.to_string().contains("load(\"b.model\")"), "{error}");
    }
}
