//! Kernels on several threads.
//!
//! Work is divided so that every output element comes from the same operations
//! in the same order however many threads there are: results do not depend on
//! their number.

use rayon::ThreadPool;

/// How many threads of the pool that a pass runs in its kernels may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads(usize);

/// Fewest elements that are worth another thread: a few microseconds of work.
const GRAIN: usize = 1 << 14;

/// Elements of work that takes milliseconds.
const LARGE: usize = 1 << 22;

impl Threads {
    /// The calling thread only.
    pub(crate) const ONE: Threads = Threads(1);

    /// Runs `work` inside a pool with all of its threads, or without a pool on
    /// the calling thread.
    pub(crate) fn install<T: Send>(
        pool: Option<&ThreadPool>,
        work: impl FnOnce(Threads) -> T + Send,
    ) -> T {
        match pool {
            Some(pool) => pool.install(|| work(Threads(pool.current_num_threads()))),
            None => work(Threads::ONE),
        }
    }

    /// All of the pool that this is called in; outside of one, the calling thread.
    pub(crate) fn here() -> Threads {
        match rayon::current_thread_index() {
            Some(_) => Threads(rayon::current_num_threads()),
            None => Threads::ONE,
        }
    }

    /// Their number.
    pub(crate) fn count(self) -> usize {
        self.0
    }

    /// Calls `work` on blocks of rows that together are all of them. A row is
    /// `cost` elements of work.
    pub(crate) fn for_rows<R: Rows>(
        self,
        rows: usize,
        cost: usize,
        tensors: R,
        work: impl Fn(R) + Sync,
    ) {
        let elements = rows * cost;
        // Small pieces of large work, since threads are not equally fast.
        let each = if elements >= LARGE { 8 } else { 2 };
        let pieces = (elements / GRAIN).min(each * self.0).min(rows);
        match self.0 > 1 && pieces > 1 {
            true => divide(pieces, rows, tensors, &work),
            false => work(tensors),
        }
    }
}

fn divide<R: Rows>(pieces: usize, rows: usize, tensors: R, work: &(impl Fn(R) + Sync)) {
    if pieces <= 1 {
        return work(tensors);
    }
    let (left, middle) = (pieces / 2, rows * (pieces / 2) / pieces);
    let (above, below) = tensors.split_at_row(middle);
    rayon::join(
        || divide(left, middle, above, work),
        || divide(pieces - left, rows - middle, below, work),
    );
}

/// Tensors that can be divided between two rows.
pub(crate) trait Rows: Send + Sized {
    /// The rows before `row`, and the others.
    fn split_at_row(self, row: usize) -> (Self, Self);
}

/// Rows of this many elements that are read.
#[derive(Clone, Copy)]
pub(crate) struct Read<'a, F>(pub(crate) &'a [F], pub(crate) usize);

/// Rows of this many elements that are written.
pub(crate) struct Write<'a, F>(pub(crate) &'a mut [F], pub(crate) usize);

impl<F: Sync> Rows for Read<'_, F> {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        let (above, below) = self.0.split_at(row * self.1);
        (Read(above, self.1), Read(below, self.1))
    }
}

impl<F: Send> Rows for Write<'_, F> {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        let (above, below) = self.0.split_at_mut(row * self.1);
        (Write(above, self.1), Write(below, self.1))
    }
}

/// The numbers of the rows themselves.
impl Rows for std::ops::Range<usize> {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        let middle = self.start + row;
        (self.start..middle, middle..self.end)
    }
}

/// A tensor that may not be there.
impl<R: Rows> Rows for Option<R> {
    fn split_at_row(self, row: usize) -> (Self, Self) {
        self.map(|tensor| tensor.split_at_row(row)).unzip()
    }
}

macro_rules! rows_of_tuples {
    ($(($($tensor:ident),+))*) => {$(
        impl<$($tensor: Rows),+> Rows for ($($tensor,)+) {
            #[allow(non_snake_case)]
            fn split_at_row(self, row: usize) -> (Self, Self) {
                let ($($tensor,)+) = self;
                $(let $tensor = $tensor.split_at_row(row);)+
                (($($tensor.0,)+), ($($tensor.1,)+))
            }
        }
    )*};
}

rows_of_tuples! { (A, B) (A, B, C) (A, B, C, D) }

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_row_is_worked_on_once_on_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            Threads::install(Some(&pool.build().unwrap()), |threads| {
                let (rows, width) = (1003, 97);
                let x: Vec<f64> = (0..rows * width).map(|i| i as f64).collect();
                let mut y = vec![0.0; rows];
                let tensors = (Read(&x, width), Write(&mut y, 1), 0..rows);
                threads.for_rows(rows, width, tensors, |(x, y, rows)| {
                    for ((x, y), row) in x.0.chunks(width).zip(y.0.iter_mut()).zip(rows) {
                        *y += x[0] + row as f64;
                    }
                });
                let expected = (0..rows).map(|row| (row * width + row) as f64);
                assert!(y.into_iter().eq(expected));
            });
        }
    }
}
