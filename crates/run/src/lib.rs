//! The ground floor: what every long piece of work needs, whatever it computes.
//!
//! - [`Folder`]: the folder of a run, which holds its configuration and belongs to one
//!   process at a time;
//! - [`Journal`]: finished pieces of work, appended as bytes, so that a run that was killed
//!   goes on where it stopped; [`Pieces`] is the same for records that serialise;
//! - [`Shard`]: the share of the pieces that one of several processes does;
//! - [`Budget`] and [`Clock`]: when to stop, also across processes;
//! - [`Cancel`]: how to be stopped from elsewhere;
//! - [`seed`]: randomness as a function of names;
//! - [`ContentHash`]: the name of a thing by what it says;
//! - [`write_whole`]: a file that is there whole or not at all;
//! - [`is_machines_fault`]: whether the system or the user is to blame for an error.
//! - [`input`]: the one door by which files are read; [`content`]: what they are by their
//!   first bytes.
//!
//! ```
//! use lpzero_run::{Cancel, ContentHash, Journal, Kind, MAIN};
//!
//! const SQUARES: Kind = Kind {
//!     format: "squares",
//!     version: 1,
//!     each: true,
//!     work: "table of squares",
//!     inputs: "other numbers",
//! };
//! # let folder = tempfile::tempdir()?;
//! let numbers = [1_u64, 2, 3];
//! let (mut journal, _) = Journal::open(&folder.path().join("journal"), SQUARES, MAIN)?;
//! journal.begin(ContentHash::of(&numbers))?;
//! for number in numbers {
//!     let piece = ContentHash::of(&number);
//!     if journal.get(&piece)?.is_none() {
//!         journal.append(piece, &(number * number).to_le_bytes(), b"")?;
//!     }
//! }
//! assert_eq!(journal.len(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod atomic;
mod budget;
mod cancel;
pub mod content;
mod folder;
mod hash;
pub mod input;
mod journal;
pub mod seed;
mod shard;
mod system;

pub use atomic::{Whole, write_whole};
pub use budget::{Budget, Clock};
pub use cancel::Cancel;
pub use folder::{CONFIGURATION, CONFIGURATION_LIMIT, Folder, FolderError, Hold, PIECES};
pub use hash::{ContentHash, Hasher};
pub use journal::{
    Journal, JournalError, Kind, MAIN, Piece, Pieces, Record, Records, Torn, Writer,
};
pub use shard::{MOST_SHARDS, Shard};
pub use system::{is_machines_fault, open_own, read_own};
