//! The model: two matrices in stripes, all of them in memory or some of them in pages on disk.
//!
//! Between rotations one thread owns the model. During a rotation workers take stripes and return them, each
//! in its turn (`order.rs`). If not all stripes fit into memory, a pager loads and stores others at the same
//! time. The same tiles are trained in the same order either way, so memory changes no bit.

use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use wordmill_flow::{Context, Reservation};
use wordmill_formats::{FormatError, Pages, RunDir, TileGrid};

use super::order::{Move, Order, Residents};
use super::pass::Layout;
use crate::error::TrainError;
use crate::stripes::{MatrixSide, Stripe, StripeShape};

/// Row stripes in memory beyond those of the workers: one being loaded and one waiting to be
/// stored.
const ROWS_IN_FLIGHT: u32 = 2;
/// A page outside of rotations, for stripes that are initialised, saved or published.
const SPARE_PAGES: u32 = 1;

/// Two matrices of vectors.
pub(crate) struct Model {
    shape: StripeShape,
    grid: TileGrid,
    room: Room,
    table: Mutex<StripeTable>,
    changed: Condvar,
    pages: Option<Pages>,
    /// Memory of stored stripes, reused for those that are loaded.
    spare: Mutex<Vec<Stripe>>,
    _memory: Reservation,
}

/// How many stripes fit, and how many workers they can keep busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    workers: u32,
    rows: u32,
    columns: u32,
    bytes: u64,
}

/// The state of each stripe.
struct StripeTable {
    sides: [Vec<Slot>; 2],
    /// Tasks of this rotation whose stripes are in memory or lent.
    ready: usize,
    /// The task that is taken next, and the first that is not to be done now.
    next: usize,
    limit: usize,
    /// A worker has ended early, so nobody may wait any more.
    failed: bool,
}

#[derive(Default)]
struct Slot {
    /// `None` while it is lent or stored.
    stripe: Option<Stripe>,
    /// Tiles of this rotation that it has seen.
    turn: u32,
}

/// Notifies the others when its worker panics.
pub(crate) struct PanicGuard<'a>(&'a Model);

impl Model {
    /// A model whose stripes have no values yet, in pages if it does not fit into the rest of the budget.
    pub fn new(
        ctx: &Context,
        dir: &RunDir,
        name: &str,
        layout: Layout,
        grid: TileGrid,
    ) -> Result<Self, TrainError> {
        let shape = layout.shape;
        let largest = u64::from(grid.rows.max(grid.columns).div_ceil(grid.grid));
        let (page, all) =
            (shape.bytes(largest), shape.bytes(u64::from(grid.rows) + u64::from(grid.columns)));
        let room = Room::within(ctx.budget.left(), (page, all), grid.grid, ctx.threads as u32);
        let what = format!("the model of {name}, {} stripes of it at a time,", room.stripes());
        let memory = ctx.budget.reserve(room.bytes, &what).map_err(|mut error| {
            error.advice = format!(
                ", raise tiles.grid, or lower train.dim of {name} or raise vocabulary.min_count"
            );
            error
        })?;
        let slots = || (0..grid.grid).map(|_| Slot::default()).collect();
        let pages = match room.stripes() == 2 * grid.grid {
            true => None,
            false => Some(Pages::create(
                dir,
                &format!("models/{name}"),
                "model",
                2 * grid.grid as usize,
            )?),
        };
        Ok(Self {
            shape,
            grid,
            room,
            table: Mutex::new(StripeTable {
                sides: [slots(), slots()],
                ready: 0,
                next: 0,
                limit: 0,
                failed: false,
            }),
            changed: Condvar::new(),
            pages,
            spare: Mutex::default(),
            _memory: memory,
        })
    }

    /// Length of a vector.
    pub fn dim(&self) -> usize {
        self.shape.dim
    }

    /// Stripes per side.
    pub fn grid(&self) -> usize {
        self.grid.grid as usize
    }

    /// Vectors of a side.
    pub fn rows(&self, side: MatrixSide) -> u32 {
        match side {
            MatrixSide::Rows => self.grid.rows,
            MatrixSide::Columns => self.grid.columns,
        }
    }

    /// Whether stripes are loaded from pages.
    pub fn is_paged(&self) -> bool {
        self.pages.is_some()
    }

    /// Number of workers that it can keep busy.
    pub fn workers(&self) -> usize {
        self.room.workers as usize
    }

    /// The rest of a rotation with these positions, after the row stripes have seen `seen` tiles, and the
    /// moves beside its tasks.
    pub fn begin(
        &mut self,
        rows: Vec<u32>,
        columns: Vec<u32>,
        seen: &[u32],
    ) -> (Order, Vec<Vec<Move>>) {
        let order = Order::new(rows, columns, seen, self.room.columns);
        let table = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (side, seen) in table.sides.iter_mut().zip(order.seen()) {
            side.iter_mut().zip(seen).for_each(|(slot, &seen)| slot.turn = seen);
        }
        (table.next, table.limit) = (0, order.tasks().len());
        if self.pages.is_none() {
            table.ready = table.limit;
            return (order, Vec::new());
        }
        table.ready = 0;
        let present = table.sides.each_ref().map(|side| {
            let numbers = (0..).zip(side).filter(|(_, slot)| slot.stripe.is_some());
            numbers.map(|(number, _)| number).collect()
        });
        let moves = Residents::new([self.room.rows, self.room.columns], present).moves(&order);
        (order, moves)
    }

    /// After an interrupted rotation: how many tiles each row stripe has seen.
    pub fn seen(&self) -> Vec<u32> {
        self.lock().sides[MatrixSide::Rows as usize].iter().map(|slot| slot.turn).collect()
    }

    /// Discards all stripes in memory and the failure of a worker; [`fill`](Self::fill) must follow.
    pub fn forget(&mut self) {
        let table = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        table.sides.iter_mut().flatten().for_each(|slot| *slot = Slot::default());
        table.failed = false;
    }

    /// Gives every stripe its values: `fill` gets vectors of zeros and accumulators of ones.
    pub fn fill<E: From<FormatError>>(
        &mut self,
        mut fill: impl FnMut(MatrixSide, u32, &mut Stripe) -> Result<(), E>,
    ) -> Result<(), E> {
        for (side, number) in self.all() {
            let mut stripe = Stripe::new(self.shape, self.height(side, number));
            fill(side, number, &mut stripe)?;
            match &self.pages {
                Some(pages) => pages.write(self.page_of(side, number), &stripe.floats())?,
                None => self.lock().sides[side as usize][number as usize].stripe = Some(stripe),
            }
        }
        Ok(())
    }

    /// Calls a function with a stripe.
    pub fn show<T>(
        &self,
        side: MatrixSide,
        number: u32,
        look: impl FnOnce(&Stripe) -> T,
    ) -> Result<T, FormatError> {
        let table = self.lock();
        match &table.sides[side as usize][number as usize].stripe {
            Some(stripe) => Ok(look(stripe)),
            None => {
                let stripe = self.fetch(side, number)?;
                let seen = look(&stripe);
                self.spare().push(stripe);
                Ok(seen)
            }
        }
    }

    /// Appends the vectors of some ids, without padding.
    pub fn vectors(
        &self,
        side: MatrixSide,
        ids: Range<u32>,
        out: &mut Vec<f32>,
    ) -> Result<(), FormatError> {
        let (dim, stride) = (self.shape.dim, wordmill_kernels::padded(self.shape.dim));
        let (begin, grid) = (out.len(), self.grid.grid);
        out.resize(begin + ids.len() * dim, 0.0);
        let table = self.lock();
        let mut buffer = Vec::new();
        for first in ids.clone().take(grid as usize) {
            let (number, local) = self.grid.place(first);
            let rows = (ids.end - first).div_ceil(grid) as usize;
            let span = local as usize * stride..(local as usize + rows) * stride;
            let vectors = match &table.sides[side as usize][number as usize].stripe {
                Some(stripe) => &stripe.vectors()[span],
                None => {
                    buffer.resize(span.len(), 0.0);
                    let pages = self.pages.as_ref().expect("a stripe is in memory or in a page");
                    pages.read_part(self.page_of(side, number), span.start as u64, &mut buffer)?;
                    &buffer[..]
                }
            };
            let places = (first - ids.start..).step_by(grid as usize);
            for (vector, place) in vectors.chunks_exact(stride).zip(places) {
                out[begin + place as usize * dim..][..dim].copy_from_slice(&vector[..dim]);
            }
        }
        Ok(())
    }

    /// The biases of a side, in the order of ids.
    pub fn biases(&self, side: MatrixSide) -> Result<Vec<f32>, FormatError> {
        let mut biases = vec![0.0; self.rows(side) as usize];
        for number in 0..self.grid.grid {
            self.show(side, number, |stripe| {
                let places = (number as usize..).step_by(self.grid.grid as usize);
                stripe.bias().iter().zip(places).for_each(|(&bias, place)| biases[place] = bias);
            })?;
        }
        Ok(biases)
    }

    /// Takes a stripe out between two rotations.
    pub fn lend(&mut self, side: MatrixSide, number: u32) -> Result<Stripe, FormatError> {
        let table = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        let slots = &mut table.sides[side as usize];
        if let Some(stripe) = slots[number as usize].stripe.take() {
            return Ok(stripe);
        }
        // Reuses the memory of another stripe of its side, which is written to its page.
        let other = (0..).zip(slots).find_map(|(number, slot)| Some((number, slot.stripe.take()?)));
        if let Some((number, stripe)) = other {
            let pages = self.pages.as_ref().expect("a stripe is in memory or in a page");
            pages.write(self.page_of(side, number), &stripe.floats())?;
            self.spare().push(stripe);
        }
        self.fetch(side, number)
    }

    /// Returns it.
    pub fn take_back(&mut self, side: MatrixSide, number: u32, stripe: Stripe) {
        let table = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        table.sides[side as usize][number as usize].stripe = Some(stripe);
    }

    /// All stripes.
    pub fn all(&self) -> impl Iterator<Item = (MatrixSide, u32)> + use<> {
        let grid = self.grid.grid;
        MatrixSide::ALL
            .into_iter()
            .flat_map(move |side| (0..grid).map(move |number| (side, number)))
    }

    /// Returns the next task once it may begin; `None` if there is none, or if another worker has
    /// failed. With `stop` it returns no further task, unless it is the first.
    ///
    /// If a task began before its moves are done, it could take a stripe that the pager is about to
    /// store, and hold it while it waits for the pager.
    pub fn next_task(&self, stop: bool) -> Option<usize> {
        let task = {
            let mut table = self.lock();
            if stop && table.next > 0 {
                table.limit = table.limit.min(table.next);
                self.changed.notify_all();
            }
            table.next += 1;
            table.next - 1
        };
        self.await_table(|table| match task < table.limit {
            true => (table.ready > task).then_some(Some(task)),
            false => Some(None),
        })?
    }

    /// Waits until a stripe has seen `turn` tiles; `None` if another worker has failed.
    pub fn take(&self, side: MatrixSide, number: u32, turn: u32) -> Option<Stripe> {
        self.await_table(|table| {
            let slot = &mut table.sides[side as usize][number as usize];
            if slot.turn == turn { slot.stripe.take() } else { None }
        })
    }

    /// Checks the table after every change until `find` succeeds.
    fn await_table<T>(&self, mut find: impl FnMut(&mut StripeTable) -> Option<T>) -> Option<T> {
        let mut table = self.lock();
        while !table.failed {
            if let Some(found) = find(&mut table) {
                return Some(found);
            }
            table = self.changed.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Returns a stripe, which has seen `turn` tiles.
    pub fn give(&self, side: MatrixSide, number: u32, stripe: Stripe, turn: u32) {
        self.lock().sides[side as usize][number as usize] = Slot { stripe: Some(stripe), turn };
        self.changed.notify_all();
    }

    /// Performs the moves of a rotation, task by task, concurrently with the workers.
    pub fn page_through(&self, moves: &[Vec<Move>]) -> Result<(), FormatError> {
        for (task, moves) in moves.iter().enumerate() {
            for &it in moves {
                if !self.page(task, it)? {
                    return Ok(());
                }
            }
            self.lock().ready = task + 1;
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Performs a move for a task; false if the task is not to be done now, or a worker has failed.
    fn page(&self, task: usize, it: Move) -> Result<bool, FormatError> {
        match it {
            Move::PutAway(side, number, turn) => {
                let stripe = self.await_table(|table| {
                    let slot = &mut table.sides[side as usize][number as usize];
                    match task < table.limit {
                        true if slot.turn == turn => slot.stripe.take().map(Some),
                        true => None,
                        false => Some(None),
                    }
                });
                let Some(stripe) = stripe.flatten() else { return Ok(false) };
                let pages = self.pages.as_ref().expect("only a paged model has moves");
                pages.write(self.page_of(side, number), &stripe.floats())?;
                self.spare().push(stripe);
            }
            Move::Bring(side, number) => {
                let stripe = self.fetch(side, number)?;
                self.lock().sides[side as usize][number as usize].stripe = Some(stripe);
            }
        }
        Ok(true)
    }

    /// Wakes those that wait for a worker that has ended early.
    pub fn fail(&self) {
        self.lock().failed = true;
        self.changed.notify_all();
    }

    /// Calls [`fail`](Self::fail) if its worker panics.
    pub fn guard(&self) -> PanicGuard<'_> {
        PanicGuard(self)
    }

    /// Loads a stripe from its page.
    fn fetch(&self, side: MatrixSide, number: u32) -> Result<Stripe, FormatError> {
        let pages = self.pages.as_ref().expect("a stripe is in memory or in a page");
        // Stripe 0 has the most rows of its side, so its memory suffices for any.
        let highest = self.height(MatrixSide::Rows, 0).max(self.height(MatrixSide::Columns, 0));
        let spare = self.spare().pop();
        let mut stripe = spare.unwrap_or_else(|| Stripe::new(self.shape, highest));
        stripe.cut(self.shape, self.height(side, number));
        pages.read(self.page_of(side, number), &mut stripe.floats_mut())?;
        Ok(stripe)
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Stripe>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn height(&self, side: MatrixSide, number: u32) -> usize {
        self.grid.len(self.rows(side), number) as usize
    }

    fn page_of(&self, side: MatrixSide, number: u32) -> usize {
        (side as u32 * self.grid.grid + number) as usize
    }

    fn lock(&self) -> MutexGuard<'_, StripeTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}

impl Room {
    /// All stripes if they fit into this many bytes; else as many columns as fit beside the rows of the
    /// workers, whose number may have to be reduced. The minimum is three stripes.
    fn within(left: u64, (page, all): (u64, u64), grid: u32, threads: u32) -> Self {
        let most = threads.min(grid);
        if all <= left {
            return Self { workers: most, rows: grid, columns: grid, bytes: all };
        }
        let pages = u32::try_from(left / page.max(1)).unwrap_or(u32::MAX);
        let room = |workers: u32, rows: u32| {
            let columns = pages.checked_sub(rows + SPARE_PAGES)?.min(grid);
            // With fewer columns workers would wait for one another.
            let bytes = u64::from(rows + columns + SPARE_PAGES) * page;
            (columns >= 2 * workers).then_some(Self { workers, rows, columns, bytes })
        };
        let with = |workers: u32| room(workers, (workers + ROWS_IN_FLIGHT).min(grid));
        let bytes = page * u64::from(2 + SPARE_PAGES);
        let least = Self { workers: 1, rows: 1, columns: 1, bytes };
        (1..=most).rev().find_map(with).unwrap_or(least)
    }

    fn stripes(&self) -> u32 {
        self.rows + self.columns
    }
}
