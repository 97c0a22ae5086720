//! The library, used as a program uses it.
#![allow(clippy::unwrap_used)]

mod benchmark;
mod finding;
mod likelihood;
mod oracle;
mod sub_networks;
