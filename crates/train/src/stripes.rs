//! Stripes: the parts of a matrix that are lent out, and put away, one by one.
//!
//! Word `id` stands in stripe `id mod G` at local row `id / G`. Rows are padded to a multiple of 16
//! floats; padding stays zero. A stripe begins at a multiple of 64 bytes.

use wordmill_kernels::padded;

/// What a stripe holds besides vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripeShape {
    /// Length of a vector.
    pub dim: usize,
    /// Whether rows have a bias.
    pub bias: bool,
    /// The accumulators of AdaGrad; a bias has one where there are any.
    pub squares: Squares,
}

/// How many accumulators of AdaGrad a row has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Squares {
    /// None.
    #[default]
    None,
    /// One for the whole vector.
    Row,
    /// One for every coordinate.
    Coordinate,
}

/// Names of what a stripe keeps, as in checkpoints.
pub(crate) const PARTS: [&str; 4] = ["vectors", "squares", "bias", "bias_square"];

/// What a stripe has of a list over all ids.
pub(crate) fn of_stripe<T: Copy>(all: &[T], stripe: u32, grid: u32) -> impl Iterator<Item = T> {
    all.iter().skip(stripe as usize).step_by(grid as usize).copied()
}

/// Some rows of a matrix, with their optimiser state.
#[derive(Clone, Debug)]
pub struct Stripe {
    rows: usize,
    dim: usize,
    stride: usize,
    vectors: Aligned,
    squares: Aligned,
    bias: Vec<f32>,
    bias_square: Vec<f32>,
}

/// Floats that begin at a multiple of 64 bytes.
#[derive(Debug)]
pub(crate) struct Aligned {
    held: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    pub fn new(len: usize, value: f32) -> Self {
        let mut held = Vec::with_capacity(len + 15);
        // Zeros come from the system untouched; other values have to be written.
        if value == 0.0 {
            held = vec![0.0; len + 15];
        } else {
            held.resize(len + 15, value);
        }
        let start = held.as_ptr().align_offset(64).min(15);
        Self { held, start, len }
    }

    /// Another length; where more is wanted than there ever was, the memory is new.
    pub fn cut(&mut self, len: usize) {
        if self.held.len() < len + 15 {
            *self = Self::new(len, 0.0);
        }
        self.len = len;
    }

    pub fn get(&self) -> &[f32] {
        &self.held[self.start..self.start + self.len]
    }

    pub fn get_mut(&mut self) -> &mut [f32] {
        &mut self.held[self.start..self.start + self.len]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.len, 0.0);
        copy.get_mut().copy_from_slice(self.get());
        copy
    }
}

impl StripeShape {
    /// Bytes of a matrix of `rows` rows.
    pub fn bytes(&self, rows: u64) -> u64 {
        let biases = match self.squares {
            Squares::None => u64::from(self.bias),
            _ => 2 * u64::from(self.bias),
        };
        rows * 4 * ((padded(self.dim) + self.squares_a_row()) as u64 + biases)
    }

    fn squares_a_row(&self) -> usize {
        match self.squares {
            Squares::None => 0,
            Squares::Row => 1,
            Squares::Coordinate => padded(self.dim),
        }
    }
}

impl Stripe {
    /// Vectors and biases of zeros, accumulators of ones.
    pub(crate) fn new(shape: StripeShape, rows: usize) -> Self {
        let stride = padded(shape.dim);
        let count = |wanted: bool| if wanted { rows } else { 0 };
        Self {
            rows,
            dim: shape.dim,
            stride,
            vectors: Aligned::new(rows * stride, 0.0),
            squares: Aligned::new(rows * shape.squares_a_row(), 1.0),
            bias: vec![0.0; count(shape.bias)],
            bias_square: vec![1.0; count(shape.bias && shape.squares != Squares::None)],
        }
    }

    /// Another number of rows, of which none has a value to rely on. Memory for the most rows it ever had stays.
    pub(crate) fn cut(&mut self, shape: StripeShape, rows: usize) {
        self.rows = rows;
        self.vectors.cut(rows * self.stride);
        self.squares.cut(rows * shape.squares_a_row());
        let biases = |wanted: bool| if wanted { rows } else { 0 };
        self.bias.resize(biases(shape.bias), 0.0);
        self.bias_square.resize(biases(shape.bias && shape.squares != Squares::None), 1.0);
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Floats from one row to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All vectors, row after row.
    pub fn vectors(&self) -> &[f32] {
        self.vectors.get()
    }

    /// All vectors, to be changed.
    pub fn vectors_mut(&mut self) -> &mut [f32] {
        self.vectors.get_mut()
    }

    /// The vector of a row, without padding, to be changed.
    pub fn vector_mut(&mut self, row: usize) -> &mut [f32] {
        let (stride, dim) = (self.stride, self.dim);
        &mut self.vectors_mut()[row * stride..][..dim]
    }

    /// The biases.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// The biases, to be changed.
    pub fn bias_mut(&mut self) -> &mut [f32] {
        &mut self.bias
    }

    /// The first row with a number that is not finite.
    pub fn bad_row(&self) -> Option<usize> {
        let of = |values: &[f32], width: usize| {
            // Without a branch a number, so that it is done in vectors.
            let is_bad = |row: &[f32]| row.iter().fold(false, |bad, it| bad | !it.is_finite());
            values.chunks(width.max(1)).position(is_bad)
        };
        let squares = self.squares.get().len() / self.rows.max(1);
        [
            of(self.vectors.get(), self.stride),
            of(self.squares.get(), squares),
            of(&self.bias, 1),
            of(&self.bias_square, 1),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Vectors, their accumulators, biases and their accumulators, all to be changed.
    pub fn adagrad_mut(&mut self) -> (&mut [f32], &mut [f32], &mut [f32], &mut [f32]) {
        let Self { vectors, squares, bias, bias_square, .. } = self;
        (vectors.get_mut(), squares.get_mut(), bias, bias_square)
    }

    /// Everything that a checkpoint keeps, in the order of [`PARTS`], with names.
    pub(crate) fn parts(&self) -> [(&'static str, &[f32]); 4] {
        let [vectors, squares, bias, bias_square] = PARTS;
        [
            (vectors, self.vectors.get()),
            (squares, self.squares.get()),
            (bias, &self.bias),
            (bias_square, &self.bias_square),
        ]
    }

    /// The same, to be filled in.
    pub(crate) fn parts_mut(&mut self) -> [(&'static str, &mut [f32]); 4] {
        let [vectors, squares, bias, bias_square] = PARTS;
        [
            (vectors, self.vectors.get_mut()),
            (squares, self.squares.get_mut()),
            (bias, &mut self.bias),
            (bias_square, &mut self.bias_square),
        ]
    }

    /// Everything, in the same order.
    pub(crate) fn floats(&self) -> [&[f32]; 4] {
        self.parts().map(|(_, values)| values)
    }

    /// The same, to be filled in.
    pub(crate) fn floats_mut(&mut self) -> [&mut [f32]; 4] {
        self.parts_mut().map(|(_, values)| values)
    }
}
