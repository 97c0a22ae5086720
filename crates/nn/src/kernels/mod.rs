//! Numeric kernels over slices: the only module that knows how a number is
//! computed, so that another backend can take its place.
//!
//! Everything here trusts its caller with shapes (it panics, never reads out of
//! bounds). Rows are contiguous. What takes `Threads` runs on so many, the
//! rest on the calling thread.

pub(crate) mod dispatch;

pub(crate) mod activation;
pub(crate) mod allocator;
pub(crate) mod convolution;
pub(crate) mod elementwise;
pub(crate) mod fourier;
pub(crate) mod matrix;
pub(crate) mod memory;
pub(crate) mod norm;
pub(crate) mod normal;
pub(crate) mod optimiser;
pub(crate) mod reduce;
pub(crate) mod relative;
pub(crate) mod rotary;
pub(crate) mod softmax;
pub(crate) mod threads;
pub(crate) mod widen;
