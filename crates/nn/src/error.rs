//! Errors of the engine, before and while a network is built or run.

use std::path::PathBuf;

use crate::Objective;
use crate::kernels::allocator::is_given;

/// Every error of the engine, one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The architecture contradicts itself.
    #[error("the architecture is not valid: {0}")]
    Architecture(#[from] lpzero_arch::Invalid),
    /// A valid architecture that the engine does not build.
    #[error("the engine cannot build this architecture: {0}")]
    Unsupported(&'static str),
    /// A pass that needs all weights of a network at once, where they are streamed.
    #[error(
        "Hessian products and synaptic flow need all weights in memory, but those of this network \
         are read block by block"
    )]
    Streamed,
    /// The weights, or the activations of a batch, would not fit in memory.
    #[error("{what} would hold {elements} numbers, more than the limit of {limit}")]
    TooLarge {
        /// Name of the thing that is too large.
        what: &'static str,
        /// How many numbers it would hold.
        elements: u128,
        /// The most that is allowed.
        limit: u128,
    },
    /// The system refused the memory for a tensor.
    #[error("no memory left for tensor `{name}` of {elements} numbers")]
    OutOfMemory {
        /// Checkpoint name.
        name: String,
        /// Number of elements.
        elements: usize,
    },
    /// The system would not give the memory that some work takes.
    #[error("no memory left for {what}, which takes about {} MB", bytes / 1_000_000)]
    NoRoom {
        /// Name of the work.
        what: &'static str,
        /// Bytes that it takes, on the safe side.
        bytes: u64,
    },
    /// The objective does not suit the architecture.
    #[error("objective {objective} needs {needs}")]
    Objective {
        /// The objective.
        objective: Objective,
        /// Need that the architecture does not meet, in words.
        needs: &'static str,
    },
    /// Token count and declared shape of a batch differ.
    #[error("a batch of {batch} x {positions} needs {expected} tokens, got {found}")]
    BatchShape {
        /// Declared number of sequences.
        batch: usize,
        /// Declared length of each.
        positions: usize,
        /// Their product.
        expected: u128,
        /// Number of tokens given.
        found: usize,
    },
    /// A batch without tokens, or too short for its objective.
    #[error("the batch is {batch} x {positions}, but needs at least 1 sequence of {needed} tokens")]
    BatchTooSmall {
        /// Number of sequences.
        batch: usize,
        /// Length of each.
        positions: usize,
        /// Shortest length that works.
        needed: usize,
    },
    /// A token id outside the vocabulary.
    #[error(
        "token {token} at position {index} of the batch is outside the vocabulary of {vocabulary}"
    )]
    Token {
        /// Where, counted through the whole batch.
        index: usize,
        /// The token id.
        token: u32,
        /// Number of tokens that exist.
        vocabulary: usize,
    },
    /// Sequences longer than the position table.
    #[error("the batch has {found} positions, but the architecture only {limit}")]
    Positions {
        /// Length of the sequences.
        found: usize,
        /// Rows of the position table.
        limit: usize,
    },
    /// A tensor that the network needs is not there.
    #[error("tensor `{name}` of shape {expected:?} is missing")]
    MissingTensor {
        /// Checkpoint name.
        name: String,
        /// The shape that it should have.
        expected: Vec<usize>,
    },
    /// A tensor of the wrong shape.
    #[error("tensor `{name}` has shape {found:?}, expected {expected:?}")]
    TensorShape {
        /// Checkpoint name.
        name: String,
        /// The shape that it should have.
        expected: Vec<usize>,
        /// The shape that it has.
        found: Vec<usize>,
    },
    /// A tensor of an element type that the engine does not read.
    #[error("{}: tensor `{name}` has element type {found}, expected F32, F64, F16 or BF16", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// Checkpoint name.
        name: String,
        /// The type in the file.
        found: String,
    },
    /// A tensor that a file or folder lacks.
    #[error("{}: tensor `{name}` of shape {expected:?} is missing", path.display())]
    NotInFile {
        /// The file or folder.
        path: PathBuf,
        /// Name that it would have there.
        name: String,
        /// The shape that it should have.
        expected: Vec<usize>,
    },
    /// A stored number that is NaN, infinite, or beyond single precision.
    #[error("{}: tensor `{name}` holds a number that is not finite: expected weights without NaN and infinity", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Checkpoint name.
        name: String,
    },
    /// A number that a precision would make infinite.
    #[error(
        "tensor `{name}` holds {value}, which {precision} would make infinite: expected another precision"
    )]
    BeyondPrecision {
        /// Checkpoint name.
        name: String,
        /// The number.
        value: f32,
        /// Name of the precision.
        precision: &'static str,
    },
    /// Weights that are there, but of a kind that is not read.
    #[error("{}: {what}: expected model.safetensors, or its shards and their index", path.display())]
    UnreadWeights {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A file that cannot be opened or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// A file whose contents contradict each other, or that is not what it should be.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file or folder.
        path: PathBuf,
        /// Problem with the file, and what was expected.
        reason: String,
    },
    /// A value of a header, an index or a description.
    #[error(transparent)]
    Description(#[from] lpzero_arch::Error),
    /// The flag of the workspace was raised.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// Whether what the user gave is wrong, as opposed to the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Error::OutOfMemory { .. }
            | Error::NoRoom { .. }
            | Error::Write { .. }
            | Error::Cancelled => false,
            Error::File { source, .. } => !lpzero_run::is_machines_fault(source),
            Error::Description(error) => error.is_input(),
            _ => true,
        }
    }
}

/// Refuses work that takes so many bytes where the system would not give them now: said
/// before the work, and not in its midst.
///
/// # Errors
/// [`Error::NoRoom`].
pub fn room_for(what: &'static str, bytes: u64) -> Result<(), Error> {
    match is_given(bytes) {
        true => Ok(()),
        false => Err(Error::NoRoom { what, bytes }),
    }
}
