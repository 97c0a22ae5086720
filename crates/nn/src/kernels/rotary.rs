//! Rotary positions: every head of a row turned by the angles of its position.

use super::dispatch::vectorised;
use super::threads::{Threads, Write};
use crate::Real;

/// Turns rows of `width` features, heads of `head_width` side by side, in place.
/// `turns` (positions, head width) has the cosines of a position and then the
/// sines; rows are those of one sequence after the other. Features i and i + half
/// a head are the coordinates of a point of the plane.
pub(crate) fn rotate<F: Real>(
    threads: Threads,
    x: &mut [F],
    width: usize,
    turns: &[F],
    head_width: usize,
) {
    turn(threads, x, width, (turns, head_width), F::one());
}

/// The inverse of [`rotate`], which is its adjoint.
pub(crate) fn rotate_back<F: Real>(
    threads: Threads,
    x: &mut [F],
    width: usize,
    turns: &[F],
    head_width: usize,
) {
    turn(threads, x, width, (turns, head_width), -F::one());
}

fn turn<F: Real>(
    threads: Threads,
    x: &mut [F],
    width: usize,
    (turns, head_width): (&[F], usize),
    sign: F,
) {
    let rows = x.len() / width;
    let tensors = (Write(x, width), 0..rows);
    threads.for_rows(rows, 2 * width, tensors, |(x, rows)| {
        turn_rows(x.0, width, turns, head_width, rows.start, sign);
    });
}

vectorised! {
    /// The rows from `first` on, on the calling thread.
    fn turn_rows<F>(
        x: &mut [F],
        width: usize,
        turns: &[F],
        head_width: usize,
        first: usize,
        sign: F,
    ) {
        let positions = turns.len() / head_width;
        for (i, row) in x.chunks_exact_mut(width).enumerate() {
            let position = (first + i) % positions;
            let own = &turns[position * head_width..][..head_width];
            let (cosines, sines) = own.split_at(head_width / 2);
            for head in row.chunks_exact_mut(head_width) {
                let (left, right) = head.split_at_mut(head_width / 2);
                let points = left.iter_mut().zip(right);
                for (((a, b), &cosine), &sine) in points.zip(cosines).zip(sines) {
                    let sine = sign * sine;
                    (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_moves_the_first_feature_to_the_second_half() {
        // Two positions of two heads of width 4: none, and a quarter turn of the
        // first pair only.
        let turns = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let row = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let mut x = [row, row, row, row].concat();
        rotate(Threads::ONE, &mut x, 8, &turns, 4);
        let turned = [-3.0, 2.0, 1.0, 4.0, -7.0, 6.0, 5.0, 8.0];
        assert_eq!(x, [row, turned, row, turned].concat());
        rotate_back(Threads::ONE, &mut x, 8, &turns, 4);
        assert_eq!(x, [row, row, row, row].concat());
    }
}
