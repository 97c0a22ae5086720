//! How a formula ranks architectures: one number each, in pieces, one per ground truth.

use crate::Error;
use crate::correlation::Workspace;

/// Rank correlation from which two formulas count as one kind.
pub const ALIKE: f64 = 0.995;

/// Ranks of scores, ground truth after ground truth, each times two.
///
/// Average ranks may end in 1/2. They are turned where the formula ranks in reverse, so
/// that larger is better.
///
/// # Errors
/// NaN.
pub fn doubled_ranks<C: AsRef<[f64]>>(
    columns: &[C],
    reversed: bool,
    workspace: &mut Workspace,
) -> Result<Vec<u32>, Error> {
    let lengths = columns.iter().map(|column| column.as_ref().len());
    let mut ranks = Vec::with_capacity(lengths.sum());
    for column in columns {
        let column = column.as_ref();
        let highest = column.len() as f64 + 1.0;
        let turned = |rank: &f64| if reversed { highest - rank } else { *rank };
        let found = workspace.rank(column)?;
        ranks.extend(found.iter().map(|rank| (2.0 * turned(rank)) as u32));
    }
    Ok(ranks)
}

/// Whether two doubled rank vectors, in pieces of these lengths, correlate at
/// [`ALIKE`] or more.
pub fn alike(a: &[u32], b: &[u32], pieces: &[usize]) -> bool {
    let (mut aa, mut bb, mut ab) = (0i64, 0i64, 0i64);
    let mut start = 0;
    for &length in pieces {
        let mean = i64::try_from(length + 1).unwrap_or(i64::MAX);
        let piece = start..start + length;
        for (&a, &b) in a[piece.clone()].iter().zip(&b[piece]) {
            let (a, b) = (i64::from(a) - mean, i64::from(b) - mean);
            aa += a * a;
            bb += b * b;
            ab += a * b;
        }
        start += length;
    }
    ab as f64 >= ALIKE * (aa as f64 * bb as f64).sqrt()
}
