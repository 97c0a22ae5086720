//! The `lpzero` command.
// The command is what prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]
#![forbid(unsafe_code)]

mod command;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    lpzero_nn::return_large_buffers();
    command::run(command::arguments::Arguments::parse())
}
