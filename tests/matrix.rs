//! `wordmill matrix`: other programs read the same matrix, and errors of reading and writing.
//!
//! The formats are checked byte by byte in `crates/cooccur`; here they go through the program, and
//! through scipy if there is a Python that has it.

use std::process::{Command, Stdio};

use crate::support::{Place, TINY, end, names, tiny};

const FORMATS: [&str; 4] = ["npz", "mtx", "glove", "ppmi"];

/// The finished tiny run.
fn finished() -> Place {
    let place = Place::new(TINY);
    place.put_tree("run", tiny());
    place
}

/// Compares what scipy reads with the shards. Arguments: run directory, the four files.
const SCIPY: &str = r#"
import json, struct, sys
import numpy as np, scipy.io, scipy.sparse as sp
run, npz, mtx, glove, ppmi = sys.argv[1:]
index = json.load(open(run + "/matrix/index.json"))["metadata"]["matrix"]
types = {"U64": "<u8", "U32": "<u4"}
def shard(k, row):
    raw = open(run + "/matrix/" + row["file"], "rb").read()
    end = 8 + struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:end])
    def tensor(name):
        info = head[f"{name}.{k:05}"]
        start, stop = info["data_offsets"]
        return np.frombuffer(raw[end + start:end + stop], types[info["dtype"]])
    parts = tuple(tensor(name) for name in ("weights", "indices", "indptr"))
    return sp.csr_matrix(parts, shape=(row["rows"], index["words"]))
counts = sp.vstack([shard(k, row) for k, row in enumerate(index["shards"])]).tocsr()
counts = counts.astype(np.float64)
counts.data /= index["unit"]
def same(found):
    found = found.tocsr()
    found.sort_indices()
    assert found.shape == counts.shape and found.dtype == np.float64
    for part in ("indptr", "indices", "data"):
        assert (getattr(found, part) == getattr(counts, part)).all(), part
same(sp.load_npz(npz))
same(scipy.io.mmread(mtx))
records = np.fromfile(glove, [("row", "<i4"), ("column", "<i4"), ("weight", "<f8")])
same(sp.coo_matrix((records["weight"], (records["row"] - 1, records["column"] - 1)), counts.shape))
cells = counts.tocoo()
rows, columns = np.asarray(counts.sum(1)).ravel(), np.asarray(counts.sum(0)).ravel()
value = np.log(cells.data * counts.sum() / (rows[cells.row] * columns[cells.col]))
expected = sp.coo_matrix((np.maximum(value, 0), (cells.row, cells.col)), counts.shape)
found = sp.load_npz(ppmi)
assert found.dtype == np.float32 and (found.data > 0).all() and abs(found - expected).max() < 1e-5
"#;

#[test]
fn scipy_reads_the_matrix() {
    let python = |args: &[&str], place: &Place| {
        let mut command = Command::new("python3");
        command.args(args).current_dir(place.path("")).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let place = finished();
    let has_scipy = python(&["-c", "import scipy.io, scipy.sparse"], &place).output();
    if !has_scipy.is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no python3 with scipy");
        return;
    }
    for format in FORMATS {
        let out = format!("counts.{format}");
        place.wordmill(&["matrix", "run", "--format", format, &out]).expect(0);
    }
    let args = ["-c", SCIPY, "run", "counts.npz", "counts.mtx", "counts.glove", "counts.ppmi"];
    end(python(&args, &place), &[]).expect(0);
}

#[test]
fn the_words_are_beside_the_matrix_in_the_order_of_its_rows() {
    let place = finished();
    let tsv = String::from_utf8(tiny()["vocab/vocabulary.tsv"].clone()).unwrap();
    for format in FORMATS {
        let done = place.wordmill(&["matrix", "run", "--format", format, "m"]).expect(0);
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(said.contains("m: ") && said.contains("m.vocab.txt: "), "{said}");
        let words = std::fs::read_to_string(place.path("m.vocab.txt")).unwrap();
        assert_eq!(words, tsv.replace('\t', " "), "{format}");
    }
    // Existing files are replaced, and nothing else is left behind.
    let left: Vec<String> =
        names(&place.path("")).into_iter().filter(|name| !name.starts_with("run/")).collect();
    assert_eq!(left, ["m", "m.vocab.txt", "pipeline.toml"]);
}

fn check_refused(place: &Place, args: &[&str], code: i32, says: &[&str]) {
    for format in FORMATS {
        let args = [&["matrix", "--format", format], args].concat();
        place.wordmill(&args).refused(&args.join(" "), code, says);
        let names = names(&place.path(""));
        assert!(!names.iter().any(|name| name.starts_with("out")), "{names:?}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_the_work() {
    let place = finished();
    check_refused(&place, &["run", "gone/out"], 2, &["gone/out", "no folder gone"]);
    check_refused(&place, &["run", "run"], 2, &["run is a folder"]);
    check_refused(&place, &["run", "run/matrix/out"], 2, &["run/matrix/out", "files of its own"]);
    check_refused(&place, &["run", "run/run.json"], 2, &["run/run.json", "files of its own"]);
    check_refused(&place, &["run", ".."], 2, &["no file name"]);
}

#[test]
fn a_run_without_a_finished_matrix_names_the_command_to_run() {
    let place = Place::new(TINY);
    check_refused(&place, &["run", "out"], 4, &["run", "no run.json", "wordmill run"]);
    place.run("run", &["--until", "cooccur"]).expect(0);
    let says = ["merge", "done: tokenize, vocabulary, cooccur", "--run-dir run --until merge"];
    check_refused(&place, &["run", "out"], 2, &says);
}

#[test]
fn damaged_matrices_are_refused() {
    let shard = tiny().keys().find(|name| name.starts_with("matrix/rows-00002")).unwrap();
    for name in [shard.as_str(), "matrix/index.json", "vocab/vocabulary.safetensors"] {
        let whole = &tiny()[name];
        let mut flipped = whole.clone();
        *flipped.iter_mut().nth_back(2).unwrap() ^= 1;
        let place = finished();
        for bytes in [&whole[..whole.len() * 2 / 3], &flipped] {
            place.write(&format!("run/{name}"), bytes);
            check_refused(&place, &["run", "out"], 4, &[name]);
        }
        std::fs::remove_file(place.path("run").join(name)).unwrap();
        check_refused(&place, &["run", "out"], 4, &[name, "missing"]);
    }
}

#[test]
fn a_full_disk_is_reported_and_leaves_nothing() {
    let place = finished();
    for format in FORMATS {
        let program = place.command(&["matrix", "run", "--format", format, "out"]);
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -f 64 && exec \"$@\"", "sh"]);
        command.arg(program.get_program()).args(program.get_args());
        command.current_dir(place.path("")).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        end(command, &[]).refused(format, 5, &["out", "writing"]);
        let names = names(&place.path(""));
        assert!(!names.iter().any(|name| name.starts_with("out")), "{names:?}");
    }
}
