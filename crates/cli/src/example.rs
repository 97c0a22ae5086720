//! `lpzero new`: an example file to begin with.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use lpzero::run::Whole;

use super::arguments::NewAction;
use super::failure::{Failure, system};
use super::plain::stdout;

/// A ground truth of three networks.
const TRUTH: &str = include_str!("example/truth.csv");
/// One small decoder.
const ARCHITECTURE: &str = include_str!("example/architecture.json");
/// A space of small decoders.
const SPACE: &str = include_str!("example/space.yaml");

pub fn run(action: &NewAction) -> Result<()> {
    let out = &mut stdout();
    match action {
        NewAction::Truth { file } => {
            write(file, TRUTH, &["csv"])?;
            let file = file.display();
            writeln!(
                out,
                "{file}: three networks and their losses; put yours in their place.\n\n  \
                 id            a name, once each\n  \
                 architecture  JSON as here, or the path of a file: config.json of Hugging Face,\n                \
                 model_config.yaml, or one of lpzero\n  \
                 loss          what training gave; other columns of numbers are told by\n                \
                 --score-column\n\n  \
                 lpzero rank --truth {file} --lower-is-better"
            )?;
        }
        NewAction::Architecture { file } => {
            write(file, ARCHITECTURE, &["json"])?;
            let file = file.display();
            writeln!(
                out,
                "{file}: a decoder like LLaMA, with the keys of Hugging Face's config.json.\n\n  \
                 lpzero score {file} --proxy params --proxy snip"
            )?;
        }
        NewAction::Space { file } => {
            write(file, SPACE, &["yaml", "yml"])?;
            let file = file.display();
            writeln!(
                out,
                "{file}: small decoders, with a remark on every key.\n\n  \
                 lpzero nas --space {file} --max-params 100k --budget 200"
            )?;
        }
    }
    Ok(())
}

/// Writes a file that was not there.
fn write(path: &Path, text: &str, endings: &[&str]) -> Result<()> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    if !ending.is_some_and(|ending| endings.contains(&ending)) {
        return Err(Failure::input(format_args!(
            "{}: expected a name that ends in .{}",
            path.display(),
            endings[0]
        )));
    }
    if path.exists() {
        return Err(Failure::input(format_args!(
            "{}: is there already; expected the name of a new file",
            path.display()
        )));
    }
    let written = Whole::create_named(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.commit()
    });
    written.map_err(|error| system(&format!("{}: cannot be written to", path.display()), error))
}
