//! The library, used as a program uses it.
#![allow(clippy::unwrap_used)]

mod likelihood;
mod oracle;
mod sub_networks;
mod transfer;
