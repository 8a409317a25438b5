//! The order in which the tiles of a rotation are trained, and which stripes are in memory
//! meanwhile.
//!
//! A rotation visits every tile once. It assigns random *positions* to row stripes and column stripes; tile
//! (q, p) at these positions belongs to *round* `(p − q) mod G` of a Latin square. The content of a stripe
//! depends only on the order in which it sees its own tiles, and that is the order of rounds, for rows and
//! columns alike. Nothing else is fixed: tiles that share no stripe are trained at the same time, whatever
//! their rounds. So there is no barrier between rounds, and a model larger than memory is not swapped once
//! per round.
//!
//! So row q sees columns q, q + 1, …, G − 1, 0, …, q − 1, and column p sees rows p, p − 1, …, 0,
//! G − 1, …, p + 1. A *task* is a row and a range of columns. With `width` column stripes in memory the tasks are, for
//! each block of `width` columns, all rows from the last to the first that see it before they wrap around (p
//! ≥ q); then, block by block again, those that see it afterwards (p < q). A block of columns stays in
//! memory while the rows pass it, so a rotation loads `G · (⌈G / width⌉ + 3)` stripes and stores as many,
//! where rounds would move 2 G².
//!
//! Terms: a *move* loads or stores a stripe; *residents* are the stripes in memory.

use std::ops::Range;

use crate::stripes::MatrixSide;

/// The positions of a row and of the columns that it sees, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub row: u32,
    pub columns: Range<u32>,
}

/// A tile: its two stripes, and its round, which is how many tiles both have seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub row: u32,
    pub column: u32,
    pub round: u32,
}

/// The tasks of one rotation.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Position → stripe, for rows and columns.
    stripes: [Vec<u32>; 2],
    /// Stripe → tiles that it has seen before.
    seen: [Vec<u32>; 2],
    tasks: Vec<Task>,
}

/// A move of a stripe between tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// It is loaded.
    Bring(MatrixSide, u32),
    /// It is stored, once it has seen this many tiles of the rotation.
    PutAway(MatrixSide, u32, u32),
}

/// The stripes of one side that are in memory.
#[derive(Clone, Debug)]
struct Present {
    room: usize,
    /// Stripe, and the number of the task that used it last.
    stripes: Vec<(u32, u64)>,
}

/// The stripes in memory after all moves so far.
#[derive(Clone, Debug)]
pub(crate) struct Residents {
    sides: [Present; 2],
    tasks: u64,
}

impl Order {
    /// The rest of a rotation in which the stripes of both sides have these positions, after each row
    /// stripe has seen `seen` tiles, with `width` column stripes in memory.
    pub fn new(rows: Vec<u32>, columns: Vec<u32>, seen: &[u32], width: u32) -> Self {
        let grid = rows.len() as u32;
        let block = |first: u32| first..first.saturating_add(width).min(grid);
        let blocks = || (0..grid).step_by(width as usize).map(block);
        let mut tasks = Vec::new();
        for block in blocks() {
            let task = |row: u32| Task { row, columns: row.max(block.start)..block.end };
            tasks.extend((0..block.end).rev().map(task));
        }
        for block in blocks() {
            let task = |row: u32| Task { row, columns: block.start..row.min(block.end) };
            tasks.extend((block.start + 1..grid).rev().map(task));
        }
        let round = |row: u32, column: u32| (column + grid - row) % grid;
        let mut of_columns = vec![0; columns.len()];
        for (row, &stripe) in (0..grid).zip(&rows) {
            let met = (0..grid).filter(|&column| round(row, column) < seen[stripe as usize]);
            met.for_each(|column| of_columns[columns[column as usize] as usize] += 1);
        }
        for task in &mut tasks {
            let seen = seen[rows[task.row as usize] as usize];
            let done = seen.saturating_sub(round(task.row, task.columns.start));
            task.columns.start = task.columns.end.min(task.columns.start.saturating_add(done));
        }
        tasks.retain(|task| !task.columns.is_empty());
        Self { stripes: [rows, columns], seen: [seen.to_vec(), of_columns], tasks }
    }

    /// How many tiles the stripes of both sides have seen before.
    pub fn seen(&self) -> &[Vec<u32>; 2] {
        &self.seen
    }

    /// The tasks, in an order in which they can be done one after the other.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The tiles of a task.
    pub fn tiles(&self, task: &Task) -> impl Iterator<Item = Tile> + use<> {
        let [rows, columns] = &self.stripes;
        let (grid, row, stripe) = (rows.len() as u32, task.row, rows[task.row as usize]);
        let columns = columns[task.columns.start as usize..task.columns.end as usize].to_vec();
        task.columns.clone().zip(columns).map(move |(position, column)| Tile {
            row: stripe,
            column,
            round: (position + grid - row) % grid,
        })
    }
}

impl Residents {
    /// These row stripes and column stripes, with room for this many.
    pub fn new(room: [u32; 2], present: [Vec<u32>; 2]) -> Self {
        let [rows, columns] = present.map(|all| all.into_iter().map(|it| (it, 0)).collect());
        let rows = Present { room: room[0] as usize, stripes: rows };
        let columns = Present { room: room[1] as usize, stripes: columns };
        Self { sides: [rows, columns], tasks: 0 }
    }

    /// The moves of a rotation. The moves of a task come before it begins; a stripe is stored after the
    /// tasks that use it have ended.
    pub fn moves(&mut self, order: &Order) -> Vec<Vec<Move>> {
        let mut seen = order.seen.clone();
        let mut of_task = |task: &Task| {
            self.tasks += 1;
            let mut moves = Vec::new();
            let tiles = || order.tiles(task);
            let rows = tiles().map(|tile| tile.row).take(1);
            self.sides[0].need(MatrixSide::Rows, rows, self.tasks, &seen[0], &mut moves);
            let columns = tiles().map(|tile| tile.column);
            self.sides[1].need(MatrixSide::Columns, columns, self.tasks, &seen[1], &mut moves);
            for tile in tiles() {
                seen[0][tile.row as usize] = tile.round + 1;
                seen[1][tile.column as usize] = tile.round + 1;
            }
            moves
        };
        order.tasks().iter().map(&mut of_task).collect()
    }
}

impl Present {
    /// Loads the stripes that a task needs; the least recently used ones make room for them.
    fn need(
        &mut self,
        side: MatrixSide,
        stripes: impl Iterator<Item = u32>,
        task: u64,
        seen: &[u32],
        moves: &mut Vec<Move>,
    ) {
        let mut absent = Vec::new();
        for stripe in stripes {
            match self.stripes.iter_mut().find(|(present, _)| *present == stripe) {
                Some((_, used)) => *used = task,
                None => absent.push(stripe),
            }
        }
        for stripe in absent {
            if self.stripes.len() == self.room {
                let oldest = self.stripes.iter().enumerate().min_by_key(|(_, (_, used))| *used);
                let (at, _) = oldest.expect("there is room for one");
                let (gone, used) = self.stripes.remove(at);
                assert!(used < task, "there is room for all stripes of a task");
                moves.push(Move::PutAway(side, gone, seen[gone as usize]));
            }
            self.stripes.push((stripe, task));
            moves.push(Move::Bring(side, stripe));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRIDS: [u32; 5] = [1, 2, 5, 8, 13];

    /// A rotation in a random order.
    fn order(grid: u32, rotation: u32, width: u32) -> Order {
        let turned = |by: u32| {
            let mut stripes: Vec<u32> = (0..grid).collect();
            stripes.rotate_left((by % grid) as usize);
            stripes.swap(0, (by % 3 % grid) as usize);
            stripes
        };
        let seen = vec![0; grid as usize];
        Order::new(turned(rotation), turned(2 * rotation + 1), &seen, width)
    }

    #[test]
    fn stripes_see_their_tiles_round_by_round_whatever_the_width() {
        for (grid, rotation) in GRIDS.into_iter().flat_map(|grid| (0..4).map(move |r| (grid, r))) {
            let mut widths = Vec::new();
            for width in 1..=grid + 1 {
                let order = order(grid, rotation, width);
                let mut seen = [vec![Vec::new(); grid as usize], vec![Vec::new(); grid as usize]];
                for task in order.tasks() {
                    assert!(!task.columns.is_empty() && task.columns.len() as u32 <= width);
                    for Tile { row, column, round } in order.tiles(task) {
                        for (side, own, other) in [(0, row, column), (1, column, row)] {
                            let own: &mut Vec<u32> = &mut seen[side][own as usize];
                            assert_eq!(own.len() as u32, round, "{grid} {rotation} {width}");
                            assert!(!own.contains(&other), "a tile comes once");
                            own.push(other);
                        }
                    }
                }
                assert!(seen.iter().flatten().all(|tiles| tiles.len() as u32 == grid));
                widths.push(seen);
            }
            assert!(widths.iter().all(|seen| *seen == widths[0]), "one order for all widths");
        }
    }

    #[test]
    fn an_interrupted_rotation_resumes_where_it_stopped_whatever_the_width() {
        for (grid, width) in GRIDS.into_iter().flat_map(|grid| (1..=grid).map(move |w| (grid, w))) {
            let whole = order(grid, 3, width);
            for stop in 0..=whole.tasks().len() {
                let mut seen = vec![0; grid as usize];
                for tile in whole.tasks()[..stop].iter().flat_map(|task| whole.tiles(task)) {
                    seen[tile.row as usize] += 1;
                }
                let [rows, columns] = whole.stripes.clone();
                let rest = Order::new(rows, columns, &seen, grid + 1 - width);
                let mut turns = rest.seen().clone();
                for tile in rest.tasks().iter().flat_map(|task| rest.tiles(task)) {
                    for (turns, stripe) in turns.iter_mut().zip([tile.row, tile.column]) {
                        assert_eq!(turns[stripe as usize], tile.round, "{grid} {width} {stop}");
                        turns[stripe as usize] += 1;
                    }
                }
                assert!(turns.iter().flatten().all(|&turn| turn == grid), "{grid} {width} {stop}");
            }
        }
    }

    /// Performs all moves and tasks one after the other, and returns the number of loaded stripes.
    fn replay(grid: u32, room: [u32; 2], rotations: u32) -> u64 {
        let mut residents = Residents::new(room, Default::default());
        let mut present = [vec![false; grid as usize], vec![false; grid as usize]];
        let mut brought = 0;
        for rotation in 0..rotations {
            let order = order(grid, rotation, room[1]);
            let mut seen = [vec![0; grid as usize], vec![0; grid as usize]];
            for (task, moves) in order.tasks().iter().zip(residents.moves(&order)) {
                for it in moves {
                    match it {
                        Move::Bring(side, stripe) => {
                            let present = &mut present[side as usize];
                            assert!(!std::mem::replace(&mut present[stripe as usize], true));
                            let here = present.iter().filter(|&&here| here).count();
                            assert!(here as u32 <= room[side as usize]);
                            brought += 1;
                        }
                        Move::PutAway(side, stripe, after) => {
                            let (side, stripe) = (side as usize, stripe as usize);
                            assert!(std::mem::take(&mut present[side][stripe]));
                            assert_eq!(seen[side][stripe], after, "no task is overtaken");
                        }
                    }
                }
                for tile in order.tiles(task) {
                    for (side, needed) in [(0, tile.row as usize), (1, tile.column as usize)] {
                        assert!(present[side][needed], "a stripe is there when it is needed");
                        seen[side][needed] += 1;
                    }
                }
            }
        }
        brought
    }

    #[test]
    fn needed_stripes_are_in_memory_and_never_too_many() {
        for grid in GRIDS {
            for room in (1..=grid).flat_map(|rows| (1..=grid).map(move |columns| [rows, columns])) {
                replay(grid, room, 4);
            }
        }
    }

    #[test]
    fn models_that_fit_are_loaded_once_and_others_pass_blocks_of_columns() {
        assert_eq!(replay(8, [8, 8], 5), 16);
        let in_four_blocks = replay(32, [3, 8], 10);
        assert!(in_four_blocks <= 10 * 32 * (4 + 3), "{in_four_blocks}");
    }
}
