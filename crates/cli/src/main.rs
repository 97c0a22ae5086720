//! The `lpzero` command: arguments in, tables and JSON out. Everything that
//! computes lives in the library.
// The command is what prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]
#![forbid(unsafe_code)]

mod ablate;
mod arguments;
mod audit;
mod bars;
mod build;
mod compare;
mod eval;
mod export;
mod failure;
mod fetch;
mod folder;
mod nas;
mod output;
mod places;
mod plain;
mod proxies;
mod rank;
mod rank_table;
mod score;
mod score_table;
mod search;
mod sees;
mod session;
mod settings;
mod train;
mod truth;
mod weights;

use std::process::ExitCode;

use anyhow::Result;
use arguments::{Arguments, Command};
use clap::Parser;
use failure::Failure;
use session::Session;

fn main() -> ExitCode {
    lpzero::nn::return_large_buffers();
    match Arguments::try_parse() {
        Ok(arguments) => run(arguments),
        Err(error) => refused(&error),
    }
}

/// Does what the command line says; the exit status tells how it went.
fn run(arguments: Arguments) -> ExitCode {
    let outcome =
        Session::start(&arguments.common).and_then(|session| dispatch(&session, arguments.command));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough (`lpzero ... | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lpzero: {}", Failure::message(&error));
            ExitCode::from(Failure::status(&error))
        }
    }
}

/// What is wrong with the command line. Colours are left out where an argument, such as a
/// file's name, would bring its own.
fn refused(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let shown = plain::laid_out(&text);
    if shown == text {
        error.exit();
    }
    eprint!("{shown}");
    ExitCode::from(2)
}

fn dispatch(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Search(arguments) => search::run(session, &arguments),
        Command::Ablate(arguments) => ablate::run(session, &arguments),
        Command::Rank(arguments) => rank::run(session, &arguments),
        Command::Score(arguments) => score::run(session, &arguments),
        Command::Compare(arguments) => compare::run(session, &arguments),
        Command::Eval(arguments) => eval::run(session, &arguments),
        Command::Nas(arguments) => nas::run(session, &arguments),
        Command::Train(arguments) => train::run(session, arguments),
        Command::Export(arguments) => export::run(session, &arguments),
        Command::Proxies(arguments) => proxies::run(session, &arguments),
        Command::Truth(arguments) => truth::run(session, &arguments),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = match (
            cause.downcast_ref::<std::io::Error>(),
            cause.downcast_ref::<serde_json::Error>(),
            cause.downcast_ref::<csv::Error>().map(csv::Error::kind),
        ) {
            (Some(error), _, _) | (_, _, Some(csv::ErrorKind::Io(error))) => Some(error.kind()),
            (_, Some(error), _) => error.io_error_kind(),
            _ => None,
        };
        kind == Some(std::io::ErrorKind::BrokenPipe)
    })
}
