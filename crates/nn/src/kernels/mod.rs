//! Numeric kernels over slices: the only module that knows how a number is
//! computed, so that another backend can take its place.
//!
//! Everything here runs on the calling thread and trusts its caller with
//! shapes (it panics, never reads out of bounds). Rows are contiguous.

mod dispatch;

pub(crate) mod activation;
pub(crate) mod convolution;
pub(crate) mod elementwise;
pub(crate) mod fourier;
pub(crate) mod matrix;
pub(crate) mod norm;
pub(crate) mod softmax;
