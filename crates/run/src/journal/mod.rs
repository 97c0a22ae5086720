//! Finished pieces of work on disk, so that what was killed goes on where it stopped.
//!
//! A journal is a folder with one file per writer. A writer appends to its own file only
//! and reads all: so several machines can work on one run, also where a network file
//! system has no locks. Each file is bound to what it is a journal of, and to the hash
//! of everything that the work is a function of.
//!
//! A record holds the name of a piece, what came of it (its *value*), and what was
//! measured meanwhile (its *note*, such as seconds). Two records of one piece must have
//! one value; notes may differ.
//!
//! A last record that was cut short is cut off, with a warning, and its piece done
//! again. Damage before intact records is an error, since no interruption makes it.

mod error;
mod file;
mod kind;
mod pieces;
mod records;
mod writer;

pub use error::{JournalError, Torn};
pub use kind::Kind;
pub use pieces::{Piece, Pieces};
pub(crate) use records::is_empty;
pub use records::{Record, Records, Writer};
pub use writer::{Journal, MAIN};
