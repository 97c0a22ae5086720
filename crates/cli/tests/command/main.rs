//! The command, run as a user runs it: one program for all of its tests, because
//! linking costs more than most of them.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod ablate;
mod audit;
#[path = "../../../lpzero/tests/support/benchmark.rs"]
mod benchmark;
mod command;
mod compare;
mod drift;
mod eval;
mod export;
mod hostile_checkpoints;
mod links;
mod memory_limit;
mod nas;
mod odd_files;
mod readme;
mod repeats;
mod search;
mod supernet;
mod support;
mod survive;
mod tables;
mod terminal;
mod tiny;
mod train;
mod transformer_xl;
mod wrong_input;
