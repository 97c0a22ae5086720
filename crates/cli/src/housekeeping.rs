//! `lpzero completions` and `lpzero man`: what packages install beside the command.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::Arguments;
use super::failure::system;
use super::plain::stdout;
use super::session::Session;

/// Prints the completions of a shell.
pub fn completions(shell: Shell) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "lpzero", &mut text);
    std::io::stdout().write_all(&text)?;
    Ok(())
}

/// Writes the manual: a page for the command, and one for each of its commands.
pub fn man(session: &Session, folder: &Path) -> Result<()> {
    let place = format!("{}: cannot be written to", folder.display());
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    written.map_err(|error| system(&place, error))?;
    if !session.json {
        writeln!(stdout(), "{}", folder.join("lpzero.1").display())?;
    }
    Ok(())
}
