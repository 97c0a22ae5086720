//! Leading blocks of row-major tensors.

/// Whether a tensor of one shape has a leading block of another.
pub(crate) fn is_leading(part: &[usize], whole: &[usize]) -> bool {
    part.len() == whole.len() && part.iter().zip(whole).all(|(part, whole)| part <= whole)
}

/// Copies the leading block of shape `shape` of a row-major tensor of shape
/// `within`, of as many dimensions.
pub(crate) fn copy_prefix<F: Copy>(from: &[F], within: &[usize], shape: &[usize], out: &mut [F]) {
    for (first, run) in runs(within, shape).zip(out.chunks_mut(run_length(within, shape).max(1))) {
        run.copy_from_slice(&from[first..first + run.len()]);
    }
}

/// How many elements of a leading block lie side by side in the whole.
pub(crate) fn run_length(within: &[usize], shape: &[usize]) -> usize {
    let mut length = 1;
    for (&part, &whole) in shape.iter().zip(within).rev() {
        length *= part;
        if part != whole {
            break;
        }
    }
    length
}

/// Where the runs of a leading block begin in the whole, in order.
pub(crate) fn runs<'a>(
    within: &'a [usize],
    shape: &'a [usize],
) -> impl Iterator<Item = usize> + 'a {
    let count = shape.iter().product::<usize>() / run_length(within, shape).max(1);
    // The dimensions before the run, outermost first.
    let differs = (0..shape.len()).rev().find(|&i| shape[i] != within[i]);
    let outer = &shape[..differs.unwrap_or(0)];
    let strides: Vec<usize> = (0..outer.len())
        .map(|i| within[i + 1..].iter().product())
        .collect();
    (0..count).map(move |number| {
        let mut rest = number;
        let mut first = 0;
        for (size, stride) in outer.iter().zip(&strides).rev() {
            first += rest % size * stride;
            rest /= size;
        }
        first
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_blocks_are_those_of_index_arithmetic() {
        let within = [3, 4, 5];
        let whole: Vec<usize> = (0..60).collect();
        for shape in [
            [3, 4, 5],
            [2, 4, 5],
            [2, 3, 5],
            [3, 4, 2],
            [1, 2, 3],
            [3, 2, 5],
        ] {
            let mut block = vec![0; shape.iter().product()];
            copy_prefix(&whole, &within, &shape, &mut block);
            let mut expected = Vec::new();
            for i in 0..shape[0] {
                for j in 0..shape[1] {
                    expected.extend((0..shape[2]).map(|k| (i * 4 + j) * 5 + k));
                }
            }
            assert_eq!(block, expected, "{shape:?}");
        }
        let mut vector = [0; 3];
        copy_prefix(&whole, &[60], &[3], &mut vector);
        assert_eq!(vector, [0, 1, 2]);
    }
}
