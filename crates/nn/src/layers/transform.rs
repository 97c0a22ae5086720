//! FlexiBERT's linear transform (Tuli et al. 2022): one linear map, then a
//! fixed two-dimensional transform of each head over (positions, head width).

use lpzero_arch::Transform;

use super::linear::Linear;
use super::tensors::BlockTensors;
use crate::pass::{Pass, Rows};
use crate::{Real, Role};

#[derive(Clone, Debug)]
pub(super) struct LinearTransform {
    map: Linear,
    transform: Transform,
    head_width: usize,
}

impl LinearTransform {
    /// Declares the map of a block.
    pub(super) fn declare(
        tensors: &mut BlockTensors<'_>,
        heads: usize,
        transform: Transform,
    ) -> Self {
        let (width, _) = tensors.sides(Role::Transform, 0);
        LinearTransform {
            map: tensors.map(Role::Transform),
            transform,
            head_width: width / heads,
        }
    }

    pub(super) fn forward<F: Real>(&self, pass: &mut Pass<'_, F>, rows: Rows, x: &[F]) -> Vec<F> {
        let spectrum = pass.spectrum(self.transform, rows.positions, self.head_width);
        let mapped = self.map.forward(pass, rows, x);
        let mut y = pass.take(mapped.len());
        spectrum.forward(pass.threads, rows.batch, &mapped, &mut y);
        pass.give([mapped]);
        y
    }

    pub(super) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        x: &[F],
        dy: &[F],
    ) -> Vec<F> {
        let spectrum = pass.spectrum(self.transform, rows.positions, self.head_width);
        let mut dmapped = pass.take(dy.len());
        spectrum.backward(pass.threads, rows.batch, dy, &mut dmapped);
        let dx = self.map.backward_fresh(pass, rows, x, &dmapped);
        pass.give([dmapped]);
        dx
    }
}
