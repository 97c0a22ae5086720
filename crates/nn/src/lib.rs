//! The engine.

mod names;
mod real;
mod site;
mod visitor;

pub use real::Real;
pub use site::{Role, Site, Symbol};
pub use visitor::{NoVisitor, TensorView, Visitor};
