//! Sample of an enumeration: the scorer, and the architectures that it is asked about.

use lpzero_run::Cancel;

use crate::score::Score;

/// The scorer and the architectures that it is asked about.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) scorer: &'a dyn Score,
    pub(super) architectures: &'a [usize],
    pub(super) pool: &'a rayon::ThreadPool,
    pub(super) cancel: &'a Cancel,
}
