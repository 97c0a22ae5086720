//! The `lpzero` command: arguments in, tables and JSON out. Everything that
//! computes lives in the library.
#![forbid(unsafe_code)]

mod ablate;
mod arguments;
mod audit;
mod bars;
mod build;
mod cache;
mod compare;
mod config;
mod doctor;
mod eval;
mod example;
mod export;
mod failure;
mod fetch;
mod first;
mod folder;
mod housekeeping;
mod nas;
mod output;
mod pace;
mod places;
mod plain;
mod provenance;
mod proxies;
mod rank;
mod rank_table;
mod report;
mod save;
mod score;
mod search;
mod sees;
mod session;
mod settings;
mod signals;
mod slurm;
mod status;
mod stop;
mod text_table;
mod threads;
mod train;
mod truth;
mod weights;
mod works;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use arguments::{Arguments, Command};
use clap::Parser;
use failure::{Failure, failed};
use session::Session;

#[global_allocator]
static ALLOCATOR: lpzero::nn::Allocator = lpzero::nn::Allocator;

/// Stack of the thread that does the work: the shell may have left the first one little.
const STACK: usize = 16 << 20;

fn main() -> ExitCode {
    let thread = std::thread::Builder::new().name("main".to_owned());
    match thread.stack_size(STACK).spawn(start) {
        // A panic has told what it had to tell.
        Ok(work) => work.join().unwrap_or(ExitCode::from(101)),
        Err(error) => {
            output::remark(format_args!("lpzero: cannot start: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn start() -> ExitCode {
    lpzero::nn::return_large_buffers();
    let typed: Vec<OsString> = std::env::args_os().collect();
    if typed.len() < 2 {
        return first::contact();
    }
    let arguments = match config::expanded(typed) {
        Ok(arguments) => arguments,
        Err(error) => return failure(&error),
    };
    match Arguments::try_parse_from(arguments) {
        Ok(arguments) => run(arguments),
        Err(error) => refused(&error),
    }
}

/// Does what the command line says; the exit status tells how it went.
fn run(arguments: Arguments) -> ExitCode {
    let outcome = Session::start(&arguments.common).and_then(|session| {
        dispatch(&session, arguments.command)?;
        std::io::stdout().flush()?;
        // Whoever stopped it shall not take it for whole.
        match session.cancel.is_cancelled() && !session.stop.is_finished() {
            true => Err(failed(lpzero::Error::Cancelled)),
            false => Ok(()),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough (`lpzero ... | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    }
}

/// Says what failed, and where it is what was typed, what would work.
fn failure(error: &anyhow::Error) -> ExitCode {
    output::say(&format!("lpzero: {}", Failure::message(error)));
    if let Some(Failure::Typed(_)) = error.downcast_ref() {
        say_what_works();
    }
    ExitCode::from(Failure::status(error))
}

fn say_what_works() {
    let typed: Vec<OsString> = std::env::args_os().collect();
    if let Some(line) = works::instead(&typed) {
        output::say(&line);
    }
}

/// What is wrong with the command line, or the help that was asked for. Colours are left
/// out where an argument, such as a file's name, would bring its own.
fn refused(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let shown = plain::laid_out(&text);
    let printed = match error.use_stderr() && shown != text {
        true => write!(std::io::stderr(), "{shown}"),
        false => error.print(),
    };
    if error.use_stderr() {
        say_what_works();
    }
    let status = u8::try_from(error.exit_code()).unwrap_or(1);
    // Help that nobody got to see is no success.
    ExitCode::from(match printed {
        Ok(()) => status,
        Err(_) => status.max(1),
    })
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
        Command::Report(arguments) => report::run(session, &arguments),
        Command::Status(arguments) => status::run(session, &arguments),
        Command::Slurm(arguments) => slurm::run(&arguments),
        Command::Proxies(arguments) => proxies::run(session, &arguments),
        Command::Truth(arguments) => truth::run(session, &arguments),
        Command::Cache(arguments) => cache::run(session, &arguments),
        Command::New(new) => example::run(&new.action),
        Command::Doctor(doctor) => doctor::run(session, doctor.offline),
        Command::Completions { shell } => housekeeping::completions(shell),
        Command::Man { folder } => housekeeping::man(session, &folder),
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
