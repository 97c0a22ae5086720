//! Where the tensors of a network come from.
//!
//! A [`Source`] writes one tensor at a time, so that the same one serves a network
//! that has all of its weights in memory ([`Network::loaded`](crate::Network::loaded))
//! and one that has those of a block only while it is visited
//! ([`Network::streamed`](crate::Network::streamed)).

mod adapter;
mod body;
mod export;
mod file;
mod folder;
mod layout;
mod leading;
mod naming;
mod order;
mod slice;
mod stored;

use std::fmt::Debug;

use crate::kernels::threads::Threads;
use crate::{Error, Real, random};

pub use adapter::Adapted;
pub use body::{head_parameters, missing_head};
pub use export::{Lost, Precision, export_weights};
pub use layout::Layout;
pub(crate) use leading::{copy_prefix, is_leading, run_length, runs};
pub use order::{BlockOrder, Ordered};
pub use slice::{Prefixes, Renumbered, Resident};
pub use stored::Stored;

/// Contents of a tensor before training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// 0.
    Zeros,
    /// 1.
    Ones,
    /// Normal numbers around 0.
    Normal {
        /// Their standard deviation.
        deviation: f64,
    },
}

/// A tensor that a network asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Checkpoint name, see [`names`](crate::names).
    pub name: &'a str,
    /// One to three dimensions.
    pub shape: &'a [usize],
    /// The shape of the tensor that the source has, of which the leading block is
    /// asked for; mostly the same.
    pub within: &'a [usize],
    /// Contents before training.
    pub initial: Initial,
}

impl Request<'_> {
    /// How many numbers are asked for.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Gives tensors, one at a time and as often as asked.
pub trait Source<F: Real>: Send + Sync + Debug {
    /// Whether there is such a tensor, and of that shape. Asked for every tensor
    /// before memory is spent on any.
    ///
    /// # Errors
    /// Where it is missing, or of another shape or element type.
    fn check(&self, request: &Request<'_>) -> Result<(), Error>;

    /// Writes the tensor, row-major, on these threads.
    ///
    /// # Errors
    /// Where it cannot be read (any more).
    fn fill(&self, request: &Request<'_>, threads: Fill, out: &mut [F]) -> Result<(), Error>;
}

/// The threads on which a source may write a tensor.
#[derive(Clone, Copy, Debug)]
pub struct Fill(pub(crate) Threads);

impl Fill {
    /// All threads of the pool that this is called in; outside of one, the calling thread.
    pub fn here() -> Self {
        Fill(Threads::here())
    }
}

/// Random weights: each a function of the seed, its name and its size only.
#[derive(Clone, Copy, Debug)]
pub struct Seeded(pub u64);

impl<F: Real> Source<F> for Seeded {
    fn check(&self, _: &Request<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn fill(&self, request: &Request<'_>, threads: Fill, out: &mut [F]) -> Result<(), Error> {
        match request.initial {
            Initial::Zeros => out.fill(F::zero()),
            Initial::Ones => out.fill(F::one()),
            Initial::Normal { deviation } => {
                let key = (self.0, request.name);
                if request.shape == request.within {
                    random::fill_normal(threads.0, key, deviation, out);
                } else {
                    // A stream knows no rows: what is left out is drawn too.
                    let mut whole = vec![F::zero(); request.within.iter().product()];
                    random::fill_normal(threads.0, key, deviation, &mut whole);
                    copy_prefix(&whole, request.within, request.shape, out);
                }
            }
        }
        Ok(())
    }
}
