//! What the command says to whoever types nothing but its name.

use std::io::Write;
use std::process::ExitCode;

use super::plain::stdout;

/// Ten lines on what to do first.
const WORDS: &str = "\
lpzero finds zero-cost proxies: formulas over an untrained network that rank architectures.

  lpzero search --out run           find one on real decoders, in about a minute
  lpzero report run --open          look at it: one page, no network
  lpzero rank --truth tiny          how well the known proxies rank
  lpzero compare A/config.json B/config.json
                                    which shape is better, and how sure that is
  lpzero new truth mine.csv         begin a table of your own networks
  lpzero doctor                     what this machine has
  lpzero help, lpzero help search   every command, every option
";

/// Says what to do first. As with any wrong command line, the exit status is 2.
pub fn contact() -> ExitCode {
    match stdout().write_all(WORDS.as_bytes()) {
        Ok(()) => ExitCode::from(2),
        Err(_) => ExitCode::FAILURE,
    }
}
