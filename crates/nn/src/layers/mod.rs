//! Layers as matched pairs: `forward` leaves behind what `backward` consumes.
//!
//! Conventions. Activations are row-major slices of (batch, positions,
//! features), [`Rows`](crate::pass::Rows) names the first two. A layer does
//! not keep its input: the caller does, because inputs feed several layers,
//! and hands it to `backward` again. Buffers come from the pass and go back to
//! it as soon as nothing reads them. Every layer shows its tensors to the
//! visitor itself.

mod attention;
mod classifier;
mod convolution;
mod embedding;
mod feed_forward;
mod gated;
mod grouped;
mod head;
mod linear;
mod masked_token;
mod norm;
mod relative;
mod sublayer;
mod tensors;
mod transform;

pub(crate) use embedding::{Embedding, unsupported};
pub(crate) use head::Head;
pub(crate) use masked_token::MaskedToken;
pub(crate) use norm::Norm;
pub(crate) use sublayer::{Sublayer, SublayerCache};

use crate::{Real, Role, Site};

/// Tells the norms outside the blocks apart.
pub(crate) mod norm_index {
    pub(crate) const EMBEDDING: u16 = 0;
    pub(crate) const FINAL: u16 = 1;
    pub(crate) const OBJECTIVE: u16 = 2;
}

/// A site outside the blocks.
pub(crate) fn outer_site(role: Role, index: usize) -> Site {
    Site {
        layer: None,
        role,
        index: index as u16,
    }
}

/// A site in a block.
fn block_site(layer: usize, role: Role, index: usize) -> Site {
    Site {
        layer: Some(layer as u16),
        role,
        index: index as u16,
    }
}

/// Gradients of weights that more than one layer uses, collected while the
/// backward pass comes by and shown by the embedding, which is the last to
/// add to them. One entry per embedding cluster.
pub(crate) struct SharedGradients<F> {
    pub(crate) tables: Vec<Option<Vec<F>>>,
    pub(crate) projections: Vec<Option<Vec<F>>>,
}

impl<F: Real> SharedGradients<F> {
    pub(crate) fn new(clusters: usize) -> Self {
        SharedGradients {
            tables: vec![None; clusters],
            projections: vec![None; clusters],
        }
    }
}

impl<F> SharedGradients<F> {
    /// The buffers alone.
    pub(crate) fn into_buffers(self) -> Vec<Vec<F>> {
        self.tables
            .into_iter()
            .chain(self.projections)
            .flatten()
            .collect()
    }
}

/// Copies the rows of `from` at `members`, in order, into `to`.
pub(crate) fn gather<F: Real>(from: &[F], members: &[usize], to: &mut [F]) {
    if members.is_empty() {
        return;
    }
    let width = to.len() / members.len();
    for (to, &member) in to.chunks_exact_mut(width).zip(members) {
        to.copy_from_slice(&from[member * width..][..width]);
    }
}

/// Adds the rows of `from`, in order, to the rows of `to` at `members`.
pub(crate) fn scatter_add<F: Real>(from: &[F], members: &[usize], to: &mut [F]) {
    if members.is_empty() {
        return;
    }
    let width = from.len() / members.len();
    for (from, &member) in from.chunks_exact(width).zip(members) {
        crate::kernels::elementwise::add_here(&mut to[member * width..][..width], from);
    }
}
