//! A cell of the matrix, and the one function that combines equal cells.

/// A cell: `row << 32 | column`, and its weight in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    /// Row in the high half, column in the low half.
    pub key: u64,
    /// Weight in units.
    pub weight: u64,
}

impl Cell {
    /// A cell of a row and a column.
    pub fn new(row: u32, column: u32, weight: u64) -> Self {
        Self { key: u64::from(row) << 32 | u64::from(column), weight }
    }

    /// The row.
    pub fn row(self) -> u32 {
        (self.key >> 32) as u32
    }

    /// The column.
    pub fn column(self) -> u32 {
        self.key as u32
    }

    /// The cell with row and column exchanged.
    pub fn mirrored(self) -> Self {
        Self { key: self.key.rotate_left(32), ..self }
    }
}

/// Adds `cell` to the last one if they are the same cell, else hands the last one on.
///
/// This is the only place where weights of equal cells are added: spilling and merging both use
/// it. The sum cannot overflow, see `WindowConfig::check_total`.
#[inline]
pub(crate) fn combine<E>(
    last: &mut Option<Cell>,
    cell: Cell,
    emit: &mut impl FnMut(Cell) -> Result<(), E>,
) -> Result<(), E> {
    match last {
        Some(held) if held.key == cell.key => held.weight += cell.weight,
        Some(held) => {
            emit(*held)?;
            *held = cell;
        }
        None => *last = Some(cell),
    }
    Ok(())
}
