//! Masked tails read and write nothing past a slice: the slices here end at (or begin after) a page that may not be touched.
//!
//! Nouns: `Guarded` is one page of floats between two forbidden pages.
#![cfg(target_os = "linux")]

use std::ffi::{c_int, c_void};

use wordmill_kernels::{BinomialCell, BinomialRun, RUN_CELLS, Side, at, available};

const PAGE: usize = 4096;
const FLOATS: usize = PAGE / 4;

// SAFETY: the signatures are those of the C library that std links anyway.
unsafe extern "C" {
    fn mmap(
        address: *mut c_void,
        len: usize,
        access: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn mprotect(address: *mut c_void, len: usize, access: c_int) -> c_int;
}

/// One writable page between two forbidden ones, never given back.
fn guarded() -> &'static mut [f32] {
    const READ_WRITE: c_int = 3;
    const PRIVATE_ANONYMOUS: c_int = 0x22;
    // SAFETY: a fresh anonymous mapping of three pages; only its middle one is made accessible and handed out, once.
    unsafe {
        let pages = mmap(std::ptr::null_mut(), 3 * PAGE, 0, PRIVATE_ANONYMOUS, -1, 0);
        assert!(pages as isize != -1, "mmap failed");
        let middle = pages.byte_add(PAGE);
        assert_eq!(mprotect(middle, PAGE, READ_WRITE), 0);
        std::slice::from_raw_parts_mut(middle.cast(), FLOATS)
    }
}

#[test]
fn kernels_stay_between_forbidden_pages() {
    let (x, y) = (guarded(), guarded());
    for level in available() {
        let kernels = at(level).unwrap();
        for n in 1..50 {
            for from in [0, FLOATS - n] {
                let (a, b) = (&mut x[from..from + n], &mut y[from..from + n]);
                a.fill(0.5);
                b.fill(2.0);
                assert_eq!(kernels.dot(a, b), n as f32);
                kernels.axpy(2.0, a, b);
                kernels.exp(b);
                kernels.ln(b);
                kernels.sigmoid(b);
                kernels.softplus(b);
                kernels.rsqrt(b);
                let mut scores = [0.0; 3];
                kernels.scores(a, &[0.5; 150][..3 * n], n, &mut scores);
                assert_eq!(scores, [n as f32 / 4.0; 3]);
                kernels.scores(&[1.0], a, 1, b);
                kernels.scores_many(&[1.0], a, 1, b);
                assert_eq!(b[n - 1], 0.5);
            }
        }
    }
}

#[test]
fn binomial_runs_stay_between_forbidden_pages() {
    let (rows, cols) = (guarded(), guarded());
    for level in available() {
        for stride in [16, 32, 48, 112, 512] {
            let count = FLOATS / stride;
            let len = count * stride;
            for from in [0, FLOATS - len] {
                let (rows, cols) = (&mut rows[from..from + len], &mut cols[from..from + len]);
                rows.fill(0.01);
                cols.fill(0.0);
                let cell =
                    |k: usize| BinomialCell { col: (k % count) as u32, left: 1.0, right: 0.0 };
                let cells: Vec<BinomialCell> = (0..RUN_CELLS).map(cell).collect();
                let runs = [(0, 0, 16), (count - 1, 1, 15), (0, 15, 1), (0, 16, 0)]
                    .map(|(row, first, len)| BinomialRun { row: row as u32, first, len });
                let mut sides = [rows, cols].map(|vectors| Side { vectors, stride });
                let [rows, cols] = &mut sides;
                at(level).unwrap().binomial_runs(rows, cols, &runs, &cells, 0.1);
                assert!(cols.vectors[..stride].iter().all(|&x| x > 0.0));
            }
        }
    }
}
