//! Products of a matrix with its transpose, and determinants, block by block.
//!
//! Blocks are shared among the threads of the pool that the caller is on, if any. Each
//! is computed as one thread would, so that no result depends on their number.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows or columns of a block.
const BLOCK: usize = 256;
/// Columns of a matrix that are in double precision at once.
const CHUNK: usize = 512;

/// The lower triangle of A Aᵀ, A being a matrix of `rows` x `columns` with these elements.
pub(super) fn gram(rows: usize, columns: usize, element: impl Fn(usize, usize) -> f64) -> Mat<f64> {
    let mut product = Mat::zeros(rows, rows);
    for first in (0..columns).step_by(CHUNK) {
        let width = CHUNK.min(columns - first);
        let chunk = Mat::from_fn(rows, width, |i, j| element(i, first + j));
        add_gram(product.as_mut(), chunk.as_ref(), 1.0);
    }
    product
}

/// The sum of a function over all pairs of different rows of A: it gets the elements of
/// A Aᵀ below the diagonal, which are never all in memory.
pub(super) fn sum_over_pairs(a: MatRef<'_, f64>, of: impl Fn(f64) -> f64 + Sync) -> f64 {
    let firsts: Vec<usize> = (0..a.nrows()).step_by(BLOCK).collect();
    let block = |first: usize| -> f64 {
        let width = BLOCK.min(a.nrows() - first);
        let mut product = Mat::zeros(a.nrows() - first, width);
        let (below, right) = (a.subrows(first, a.nrows() - first), a.subrows(first, width));
        let right = right.transpose();
        matmul(
            product.as_mut(),
            Accum::Replace,
            below,
            right,
            1.0,
            Par::Seq,
        );
        let column = |j: usize| {
            product
                .col(j)
                .iter()
                .skip(j + 1)
                .map(|x| of(*x))
                .sum::<f64>()
        };
        (0..width).map(column).sum()
    };
    let sums: Vec<f64> = match rayon::current_thread_index() {
        Some(_) => firsts.into_par_iter().map(block).collect(),
        None => firsts.into_iter().map(block).collect(),
    };
    sums.iter().sum()
}

/// The logarithm of the determinant of a positive definite matrix, by Cholesky's factor of
/// its lower triangle; `None` where it is not positive definite to rounding.
pub(super) fn log_determinant(mut matrix: Mat<f64>) -> Option<f64> {
    let mut left = matrix.as_mut();
    let mut sum = 0.0;
    while left.nrows() > 0 {
        let width = BLOCK.min(left.nrows());
        let (mut corner, _, mut below, mut rest) = left.split_at_mut(width, width);
        let scratch = cholesky_in_place_scratch::<f64>(width, Par::Seq, Default::default());
        let mut memory = MemBuffer::new(scratch);
        let stack = MemStack::new(&mut memory);
        let (regularisation, how) = (Default::default(), Default::default());
        cholesky_in_place(corner.as_mut(), regularisation, Par::Seq, stack, how).ok()?;
        let factor = corner.as_ref();
        sum += (0..width).map(|i| 2.0 * factor[(i, i)].ln()).sum::<f64>();
        each(row_blocks(below.as_mut()), |block: MatMut<'_, f64>| {
            solve_lower_triangular_in_place(factor, block.transpose_mut(), Par::Seq);
        });
        add_gram(rest.as_mut(), below.as_ref(), -1.0);
        left = rest;
    }
    Some(sum)
}

/// Adds a multiple of A Aᵀ to the lower triangle of a square matrix.
fn add_gram(square: MatMut<'_, f64>, a: MatRef<'_, f64>, factor: f64) {
    let rows = square.nrows();
    each(
        column_blocks(square),
        |(first, block): (usize, MatMut<'_, f64>)| {
            let width = block.ncols();
            let below = block.subrows_mut(first, rows - first);
            let (left, right) = (a.subrows(first, rows - first), a.subrows(first, width));
            matmul(below, Accum::Add, left, right.transpose(), factor, Par::Seq);
        },
    );
}

/// Does work on every item, side by side where the calling thread is one of a pool.
fn each<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync + Send) {
    match rayon::current_thread_index() {
        Some(_) => items.into_par_iter().for_each(work),
        None => items.into_iter().for_each(work),
    }
}

/// Blocks of columns, each with the number of its first.
fn column_blocks(mut matrix: MatMut<'_, f64>) -> Vec<(usize, MatMut<'_, f64>)> {
    let (mut blocks, mut first) = (Vec::new(), 0);
    while matrix.ncols() > 0 {
        let width = BLOCK.min(matrix.ncols());
        let (block, rest) = matrix.split_at_col_mut(width);
        blocks.push((first, block));
        (first, matrix) = (first + width, rest);
    }
    blocks
}

fn row_blocks(mut matrix: MatMut<'_, f64>) -> Vec<MatMut<'_, f64>> {
    let mut blocks = Vec::new();
    while matrix.nrows() > 0 {
        let height = BLOCK.min(matrix.nrows());
        let (block, rest) = matrix.split_at_row_mut(height);
        blocks.push(block);
        matrix = rest;
    }
    blocks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A number between -1 and 1, the same for the same place.
    fn element(i: usize, j: usize) -> f64 {
        ((i as f64 + 1.0) * 12.9898 + j as f64 * 78.233).sin()
    }

    #[test]
    fn blocks_give_what_the_whole_gives_on_any_number_of_threads() {
        let (rows, columns) = (600, 1100);
        let a = Mat::from_fn(rows, columns, element);
        let whole = &a * a.transpose();
        let found = gram(rows, columns, element);
        for j in 0..rows {
            for i in j..rows {
                assert!((found[(i, j)] - whole[(i, j)]).abs() < 1e-9);
            }
        }
        let sum = sum_over_pairs(a.as_ref(), f64::abs);
        let pairs = (0..rows).flat_map(|j| (0..j).map(move |i| (i, j)));
        let expected: f64 = pairs.map(|at| whole[at].abs()).sum();
        assert!((sum - expected).abs() < 1e-9 * expected);

        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
        let shared = pool.unwrap().install(|| {
            let shared = gram(rows, columns, element);
            let sum = sum_over_pairs(a.as_ref(), f64::abs);
            (log_determinant(shared.clone()), shared, sum)
        });
        assert_eq!(shared.1, found);
        assert_eq!(shared.2, sum);
        assert_eq!(shared.0, log_determinant(found));
    }

    #[test]
    fn the_determinant_of_a_product_of_triangles_is_that_of_their_diagonals() {
        let size = 700;
        let triangle = Mat::from_fn(size, size, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 1.0 + (i % 5) as f64,
            std::cmp::Ordering::Greater => 0.01 * element(i, j),
        });
        let diagonal = (0..size).map(|i| triangle[(i, i)]);
        let expected: f64 = diagonal.map(|x: f64| 2.0 * x.ln()).sum();
        let found = log_determinant(&triangle * triangle.transpose()).unwrap();
        assert!((found - expected).abs() < 1e-9 * expected);
        let singular = Mat::from_fn(300, 300, |_, _| 1.0);
        assert_eq!(log_determinant(singular), None);
    }
}
