//! Hugging Face folders: one row for each model type of transformers.
//!
//! A [`ModelType`] says how its `config.json` is read, under which names its class keeps
//! tensors, and how a `config.json` is written. A row cannot leave one of them out.

mod config;
mod encoder;
mod gemma3;
mod gpt2;
mod gpt_neox;
mod llama;
mod model_type;
mod olmo2;
mod phi3;
mod tensors;

pub(crate) use llama::{KEPT_BLOCKS, KEPT_KEY_HEADS};
pub use model_type::{ModelType, NotWritable};
pub use tensors::{Piece, Rows, TakenRows, TensorNames};

use crate::architecture::Architecture;
use crate::document::Cursor;
use crate::error::Error;

/// Every model type.
pub const MODEL_TYPES: [&ModelType; 11] = [
    &gpt2::GPT2,
    &encoder::BERT,
    &encoder::ELECTRA,
    &llama::LLAMA,
    &llama::MISTRAL,
    &llama::QWEN2,
    &llama::QWEN3,
    &olmo2::OLMO2,
    &gemma3::GEMMA3,
    &gpt_neox::GPT_NEOX,
    &phi3::PHI3,
];

/// The model type of this name.
pub fn model_type(name: &str) -> Option<&'static ModelType> {
    MODEL_TYPES.into_iter().find(|known| known.name == name)
}

/// The model type of a `config.json`: as `model_type` says, or the class under
/// `architectures` in files that are older than that key.
///
/// # Errors
/// [`Error::Value`] where there is none, or one that is not known.
pub fn model_type_of(root: &Cursor<'_>) -> Result<&'static ModelType, Error> {
    let names = MODEL_TYPES.map(|known| known.name);
    let expected = match names.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    if let (None, Some(classes)) = (root.given("model_type"), root.given("architectures"))
        && let Some(class) = classes.items()?.first()
    {
        let wanted = stem(class.text()?);
        let mut known = MODEL_TYPES.into_iter();
        let found = known.find(|known| stem(known.class).eq_ignore_ascii_case(wanted));
        return found.ok_or_else(|| class.unexpected(format!("a class of {expected}")));
    }
    let found = root.get("model_type", &expected)?;
    model_type(found.text()?).ok_or_else(|| found.unexpected(expected))
}

/// The first part of the name of a class, which classes of one model type share.
fn stem(class: &str) -> &str {
    let ends = ["For", "LMHead", "DoubleHeads", "Model"];
    let end = ends.iter().filter_map(|end| class.find(end)).min();
    &class[..end.unwrap_or(class.len())]
}

/// Reads the contents of a `config.json`.
///
/// Defaults of keys that a file leaves out are those of the transformers library. Keys
/// that would make another network must have the value that does not.
///
/// # Errors
/// [`Error::Value`], naming the key; a model type that is not known is one.
pub fn read(root: &Cursor<'_>) -> Result<Architecture, Error> {
    model_type_of(root)?.read(root)
}
