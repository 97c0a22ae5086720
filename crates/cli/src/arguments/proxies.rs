//! The options of `proxies`.

use clap::Args;

#[derive(Debug, Args)]
pub struct Proxies {
    /// A named proxy or a formula to explain [default: list all].
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    pub name: Option<String>,

    /// How the score answers when one dimension of a small decoder changes: depth, width,
    /// heads and so on. A search gives away what is invisible.
    #[arg(long, requires = "name")]
    pub sees: bool,

    /// Print the reference of the language: every operator, symbol and role.
    #[arg(long, conflicts_with_all = ["name", "json", "sees"])]
    pub reference: bool,
}
