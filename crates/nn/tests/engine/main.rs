//! The engine against PyTorch, finite differences and itself: one program, because the
//! engine is generic and compiled once for each. Tests that switch the instruction set of
//! the whole process are programs of their own, beside this folder.
#![allow(clippy::unwrap_used)]

#[path = "../checkpoint/mod.rs"]
mod checkpoint;
#[path = "../common/mod.rs"]
mod common;

mod adapters;
mod checkpoints;
mod errors;
mod evaluate;
mod gradients;
mod hessian;
mod passes;
mod pytorch;
mod real;
mod spectra;
mod streaming;
mod synflow;
mod threads;
