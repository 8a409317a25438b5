//! Stripes: the parts of a matrix that workers borrow and that are stored one by one.
//!
//! Word `id` is in stripe `id mod G` at local row `id / G`. Rows are padded to a multiple of 16
//! floats; padding stays zero. A stripe begins at a multiple of 64 bytes.
//!
//! Terms: a matrix of cells has two *sides*, rows and columns, each a matrix of vectors in G stripes; a [`Place`] is
//! one stripe of a side, [`TileStripes`] are the two stripes of a tile.

use wordmill_kernels::{StepSide, padded};

/// Rows or columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixSide {
    /// The row side: words.
    Rows,
    /// The column side: contexts or nodes.
    Columns,
}

/// Which ids a stripe has.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The side.
    pub side: MatrixSide,
    /// The stripe.
    pub number: u32,
    /// Stripes per side.
    pub grid: u32,
}

/// The two stripes of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileStripes {
    /// Number of the row stripe.
    pub row: u32,
    /// Number of the column stripe.
    pub column: u32,
}

/// What a stripe stores besides vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripeShape {
    /// Length of a vector.
    pub dim: usize,
    /// Whether rows have a bias.
    pub bias: bool,
    /// The state of the optimiser; that of a bias is like that of a coordinate.
    pub squares: Squares,
}

/// The state of an optimiser for a row: the accumulators of AdaGrad, which begin at 1, or the means
/// of Adam.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Squares {
    /// None.
    #[default]
    None,
    /// One for the whole vector.
    Row,
    /// One for every coordinate.
    Coordinate,
    /// Those of Adam: a mean and a mean of squares for every coordinate, which begin at 0, and a count of
    /// steps.
    Moments,
}

/// Names of the parts of a stripe, as in checkpoints.
pub(crate) const PARTS: [&str; 7] =
    ["vectors", "squares", "bias", "bias_square", "moments", "bias_moment", "steps"];

/// The part of a list over all ids that belongs to a stripe.
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
    moments: Aligned,
    bias_moment: Vec<f32>,
    steps: Vec<f32>,
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
        // The system provides zeroed pages without writing them; other values have to be written.
        if value == 0.0 {
            held = vec![0.0; len + 15];
        } else {
            held.resize(len + 15, value);
        }
        let start = held.as_ptr().align_offset(64).min(15);
        Self { held, start, len }
    }

    /// Changes the length; memory is allocated only if it exceeds the greatest length so far.
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

impl MatrixSide {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Rows, Self::Columns];
}

impl Place {
    /// The id of a row of the stripe.
    #[must_use]
    pub fn id(self, row: usize) -> u32 {
        row as u32 * self.grid + self.number
    }
}

impl StripeShape {
    /// Bytes of a matrix of `rows` rows.
    pub fn bytes(&self, rows: u64) -> u64 {
        let biases = match self.squares {
            Squares::None => u64::from(self.bias),
            Squares::Moments => 3 * u64::from(self.bias) + 1,
            _ => 2 * u64::from(self.bias),
        };
        rows * 4
            * ((padded(self.dim) + self.squares_a_row() + self.moments_a_row()) as u64 + biases)
    }

    fn squares_a_row(&self) -> usize {
        match self.squares {
            Squares::None => 0,
            Squares::Row => 1,
            Squares::Coordinate | Squares::Moments => padded(self.dim),
        }
    }

    fn moments_a_row(&self) -> usize {
        if self.squares == Squares::Moments { padded(self.dim) } else { 0 }
    }

    /// The initial value of accumulators.
    fn first_square(&self) -> f32 {
        if self.squares == Squares::Moments { 0.0 } else { 1.0 }
    }

    fn has_moments(&self) -> bool {
        self.squares == Squares::Moments
    }
}

impl Stripe {
    /// Vectors and biases of zeros, accumulators of AdaGrad of ones, means of Adam of zeros.
    pub(crate) fn new(shape: StripeShape, rows: usize) -> Self {
        let stride = padded(shape.dim);
        let count = |wanted: bool| if wanted { rows } else { 0 };
        Self {
            rows,
            dim: shape.dim,
            stride,
            vectors: Aligned::new(rows * stride, 0.0),
            squares: Aligned::new(rows * shape.squares_a_row(), shape.first_square()),
            bias: vec![0.0; count(shape.bias)],
            bias_square: vec![
                shape.first_square();
                count(shape.bias && shape.squares != Squares::None)
            ],
            moments: Aligned::new(rows * shape.moments_a_row(), 0.0),
            bias_moment: vec![0.0; count(shape.bias && shape.has_moments())],
            steps: vec![0.0; count(shape.has_moments())],
        }
    }

    /// Changes the number of rows, which then have undefined values. The memory of the most rows so far is kept.
    pub(crate) fn cut(&mut self, shape: StripeShape, rows: usize) {
        self.rows = rows;
        self.vectors.cut(rows * self.stride);
        self.squares.cut(rows * shape.squares_a_row());
        let biases = |wanted: bool| if wanted { rows } else { 0 };
        self.bias.resize(biases(shape.bias), 0.0);
        self.bias_square.resize(biases(shape.bias && shape.squares != Squares::None), 1.0);
        self.moments.cut(rows * shape.moments_a_row());
        self.bias_moment.resize(biases(shape.bias && shape.has_moments()), 0.0);
        self.steps.resize(biases(shape.has_moments()), 0.0);
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
            // No branch per number, so that the loop is vectorised.
            let is_bad = |row: &[f32]| row.iter().fold(false, |bad, it| bad | !it.is_finite());
            values.chunks(width.max(1)).position(is_bad)
        };
        let squares = self.squares.get().len() / self.rows.max(1);
        [
            of(self.vectors.get(), self.stride),
            of(self.squares.get(), squares),
            of(&self.bias, 1),
            of(&self.bias_square, 1),
            of(self.moments.get(), self.stride),
            of(&self.bias_moment, 1),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Vectors, their accumulators, biases and their accumulators, mutable.
    pub fn adagrad_mut(&mut self) -> (&mut [f32], &mut [f32], &mut [f32], &mut [f32]) {
        let Self { vectors, squares, bias, bias_square, .. } = self;
        (vectors.get_mut(), squares.get_mut(), bias, bias_square)
    }

    /// Vectors with their state in any optimiser, and the biases with theirs: value, square, moment.
    pub(crate) fn steps_mut(&mut self) -> (StepSide<'_>, [&mut [f32]; 3]) {
        let Self { stride, vectors, squares, moments, steps, .. } = self;
        let side = StepSide {
            vectors: vectors.get_mut(),
            squares: squares.get_mut(),
            moments: moments.get_mut(),
            steps,
            stride: *stride,
        };
        (side, [&mut self.bias, &mut self.bias_square, &mut self.bias_moment])
    }

    /// All parts that a checkpoint stores, in the order of [`PARTS`], with names.
    pub(crate) fn parts(&self) -> [(&'static str, &[f32]); 7] {
        let [vectors, squares, bias, bias_square, moments, bias_moment, steps] = PARTS;
        [
            (vectors, self.vectors.get()),
            (squares, self.squares.get()),
            (bias, &self.bias),
            (bias_square, &self.bias_square),
            (moments, self.moments.get()),
            (bias_moment, &self.bias_moment),
            (steps, &self.steps),
        ]
    }

    /// The same, mutable.
    pub(crate) fn parts_mut(&mut self) -> [(&'static str, &mut [f32]); 7] {
        let [vectors, squares, bias, bias_square, moments, bias_moment, steps] = PARTS;
        [
            (vectors, self.vectors.get_mut()),
            (squares, self.squares.get_mut()),
            (bias, &mut self.bias),
            (bias_square, &mut self.bias_square),
            (moments, self.moments.get_mut()),
            (bias_moment, &mut self.bias_moment),
            (steps, &mut self.steps),
        ]
    }

    /// All parts, in the same order.
    pub(crate) fn floats(&self) -> [&[f32]; 7] {
        self.parts().map(|(_, values)| values)
    }

    /// The same, mutable.
    pub(crate) fn floats_mut(&mut self) -> [&mut [f32]; 7] {
        self.parts_mut().map(|(_, values)| values)
    }
}
