//! The model in memory: two matrices, each cut into stripes that can be lent out one by one.
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

/// What a stripe has of a list over all ids.
pub(crate) fn of_stripe<T: Copy>(all: &[T], stripe: u32, grid: u32) -> impl Iterator<Item = T> {
    all.iter().skip(stripe as usize).step_by(grid as usize).copied()
}

/// Some rows of a matrix, with their optimiser state.
#[derive(Clone, Debug)]
pub struct Stripe {
    rows: usize,
    stride: usize,
    vectors: Aligned,
    squares: Aligned,
    bias: Vec<f32>,
    bias_square: Vec<f32>,
}

/// A matrix in stripes.
#[derive(Clone, Debug)]
pub struct Matrix {
    shape: StripeShape,
    rows: u32,
    stripes: Vec<Stripe>,
}

/// Floats that begin at a multiple of 64 bytes.
#[derive(Debug)]
struct Aligned {
    held: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    fn new(len: usize, value: f32) -> Self {
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

    fn get(&self) -> &[f32] {
        &self.held[self.start..self.start + self.len]
    }

    fn get_mut(&mut self) -> &mut [f32] {
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
    fn new(shape: StripeShape, rows: usize) -> Self {
        let stride = padded(shape.dim);
        let count = |wanted: bool| if wanted { rows } else { 0 };
        Self {
            rows,
            stride,
            vectors: Aligned::new(rows * stride, 0.0),
            squares: Aligned::new(rows * shape.squares_a_row(), 1.0),
            bias: vec![0.0; count(shape.bias)],
            bias_square: vec![1.0; count(shape.bias && shape.squares != Squares::None)],
        }
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

    /// The biases.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// The biases, to be changed.
    pub fn bias_mut(&mut self) -> &mut [f32] {
        &mut self.bias
    }

    /// Vectors, their accumulators, biases and their accumulators, all to be changed.
    pub fn adagrad_mut(&mut self) -> (&mut [f32], &mut [f32], &mut [f32], &mut [f32]) {
        let Self { vectors, squares, bias, bias_square, .. } = self;
        (vectors.get_mut(), squares.get_mut(), bias, bias_square)
    }

    /// Everything that a checkpoint keeps, in a fixed order, with names.
    pub(crate) fn parts(&self) -> [(&'static str, &[f32]); 4] {
        [
            ("vectors", self.vectors.get()),
            ("squares", self.squares.get()),
            ("bias", &self.bias),
            ("bias_square", &self.bias_square),
        ]
    }

    /// The same, to be filled in.
    pub(crate) fn parts_mut(&mut self) -> [(&'static str, &mut [f32]); 4] {
        [
            ("vectors", self.vectors.get_mut()),
            ("squares", self.squares.get_mut()),
            ("bias", &mut self.bias),
            ("bias_square", &mut self.bias_square),
        ]
    }
}

impl Matrix {
    /// A matrix of zeros (accumulators of ones) in `grid` stripes.
    pub fn new(shape: StripeShape, rows: u32, grid: u32) -> Self {
        let height = |stripe: u32| (rows + grid - 1 - stripe) / grid;
        let stripes = (0..grid).map(|stripe| Stripe::new(shape, height(stripe) as usize)).collect();
        Self { shape, rows, stripes }
    }

    /// Number of rows.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Length of a vector.
    pub fn dim(&self) -> usize {
        self.shape.dim
    }

    /// The vector of a row, without padding.
    pub fn vector(&self, id: u32) -> &[f32] {
        let (stripe, row) = self.place(id);
        let stripe = &self.stripes[stripe];
        &stripe.vectors()[row * stripe.stride..][..self.shape.dim]
    }

    /// The same, to be changed.
    pub fn vector_mut(&mut self, id: u32) -> &mut [f32] {
        let (stripe, row) = self.place(id);
        let dim = self.shape.dim;
        let stripe = &mut self.stripes[stripe];
        let stride = stripe.stride;
        &mut stripe.vectors_mut()[row * stride..][..dim]
    }

    /// The bias of a row.
    pub fn bias(&self, id: u32) -> f32 {
        let (stripe, row) = self.place(id);
        self.stripes[stripe].bias[row]
    }

    /// Sets the bias of a row.
    pub fn set_bias(&mut self, id: u32, value: f32) {
        let (stripe, row) = self.place(id);
        self.stripes[stripe].bias[row] = value;
    }

    /// The stripes.
    pub fn stripes(&self) -> &[Stripe] {
        &self.stripes
    }

    /// The stripes, to be lent out.
    pub fn stripes_mut(&mut self) -> &mut [Stripe] {
        &mut self.stripes
    }

    fn place(&self, id: u32) -> (usize, usize) {
        let grid = self.stripes.len() as u32;
        ((id % grid) as usize, (id / grid) as usize)
    }
}
