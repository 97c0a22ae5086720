//! The command, run as a user runs it: one program for all of its tests, because
//! linking costs more than most of them.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod ablate;
mod audit;
#[path = "../../../lpzero/tests/support/benchmark.rs"]
mod benchmark;
mod bound_inputs;
mod bounds;
mod cache;
mod carry_over;
mod command;
mod compare;
mod drift;
mod eval;
mod export;
mod full_disk;
mod going_on;
mod hostile_checkpoints;
mod links;
mod memory_limit;
mod nas;
mod odd_files;
mod out_of_memory;
mod readme;
mod real_models;
mod remarks;
mod repeats;
mod report;
mod search;
mod shards;
mod supernet;
mod support;
mod survive;
mod tables;
mod terminal;
mod tiny;
mod train;
mod transformer_xl;
mod wrong_input;
