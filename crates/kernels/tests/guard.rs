//! Masked tails read and write nothing past a slice: the slices here end at (or begin after) a page that may not be touched.
//!
//! Terms: `Guarded` is one page of floats between two forbidden pages.
#![cfg(target_os = "linux")]

use std::ffi::{c_int, c_void};

use wordmill_kernels::{
    AdagradSide, BinomialCell, BinomialRun, GloveCell, RUN_CELLS, Side, at, available,
};

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

/// Rows of three blocks, with their state, each at the end of its page.
fn glove_side<'a>(pages: &'a mut [&'static mut [f32]; 4], squares: usize) -> AdagradSide<'a> {
    let [vectors, square, bias, bias_square] = pages;
    AdagradSide {
        vectors: &mut vectors[FLOATS - GLOVE_ROWS * GLOVE_STRIDE..],
        squares: &mut square[FLOATS - GLOVE_ROWS * squares..],
        bias: &mut bias[FLOATS - GLOVE_ROWS..],
        bias_square: &mut bias_square[FLOATS - GLOVE_ROWS..],
        stride: GLOVE_STRIDE,
    }
}

const GLOVE_STRIDE: usize = 48;
const GLOVE_ROWS: usize = FLOATS / GLOVE_STRIDE;

#[test]
fn glove_runs_stay_between_forbidden_pages() {
    let mut sides = [(); 2].map(|()| [(); 4].map(|()| guarded()));
    // The last rows and the last columns are among them, in runs of 16 and of 3.
    let cell = |i: u32| GloveCell { row: 20 - i / 19, col: i * 7 % 21, log_x: 1.0, weight: 1.0 };
    let cells: Vec<GloveCell> = (0..50).map(cell).collect();
    for level in available() {
        let kernels = at(level).unwrap();
        sides.iter_mut().flatten().for_each(|page| page.fill(1.0));
        let [rows, cols] = &mut sides;
        let [mut left, mut right] = [rows, cols].map(|side| glove_side(side, GLOVE_STRIDE));
        assert_eq!(kernels.glove_cells(&mut left, &mut right, &cells, 0.05).weight, 50.0);
        let [rows, cols] = &mut sides;
        let [mut left, mut right] = [rows, cols].map(|side| glove_side(side, 1));
        let loss = kernels.glove_cells_by_row(&mut left, &mut right, &cells, 0.05, 40);
        assert_eq!(loss.weight, 50.0);
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
