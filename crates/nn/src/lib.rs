//! The engine.

mod site;
mod visitor;

pub use site::{Role, Site, Symbol};
pub use visitor::{NoVisitor, TensorView, Visitor};

/// The two element types of the engine: f32 to work, f64 to check.
pub trait Real: Copy + Send + Sync + 'static {}
impl Real for f32 {}
impl Real for f64 {}
