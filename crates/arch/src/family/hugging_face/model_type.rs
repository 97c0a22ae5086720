//! Model types of transformers, as declared data.

use std::path::Path;

use serde_json::{Map, Value};

use super::tensors::TensorNames;
use crate::architecture::Architecture;
use crate::document::{Cursor, Document};
use crate::error::Error;

/// One model type: a class of transformers, from its config to its tensors.
#[derive(Debug)]
pub struct ModelType {
    /// Name in a config, under `model_type`.
    pub name: &'static str,
    /// Name of the class with a head.
    pub class: &'static str,
    /// How its class names tensors and lays them out.
    pub tensors: TensorNames,
    /// Reads the contents of a config.
    pub(super) read: fn(&Cursor<'_>) -> Result<Architecture, Error>,
    /// Writes a config, or says what it needs in order to.
    pub(super) write: fn(&Architecture) -> Result<Value, String>,
}

/// The architecture cannot be said in the words of a class of transformers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be written as transformers' {class}: {reason}")]
pub struct NotWritable {
    /// The class.
    pub class: &'static str,
    /// Why not.
    pub reason: String,
}

impl ModelType {
    /// Reads the contents of a `config.json` of this model type.
    ///
    /// # Errors
    /// [`Error::Value`], naming the key.
    pub fn read(&self, root: &Cursor<'_>) -> Result<Architecture, Error> {
        (self.read)(root)
    }

    /// The contents of a `config.json` that is read as this architecture, but for the
    /// deviations of initial weights, which a config says with one number.
    ///
    /// # Errors
    /// Where there is none, with the first thing that is in the way.
    pub fn config(&self, architecture: &Architecture) -> Result<Map<String, Value>, NotWritable> {
        let refused = |reason: String| NotWritable {
            class: self.class,
            reason,
        };
        let body = (self.write)(architecture).map_err(refused)?;
        let mut config = Map::new();
        config.insert("model_type".into(), self.name.into());
        config.insert("architectures".into(), vec![self.class].into());
        if let Value::Object(body) = body {
            config.extend(body);
        }
        let text = Value::Object(config.clone()).to_string();
        let again = Document::parse_json(Path::new("config.json"), &text)
            .and_then(|document| self.read(&document.root()));
        let mut again = again.map_err(|error| refused(error.to_string()))?;
        again.initialisation = architecture.initialisation;
        if !architecture.embedding.is_projected(architecture.width) {
            again.embedding.projection_bias = architecture.embedding.projection_bias;
        }
        match again == *architecture {
            true => Ok(config),
            false => Err(refused(
                "its config would be read as another network".into(),
            )),
        }
    }
}

/// One size where all blocks agree, else a list of one per block.
pub(super) fn per_block(sizes: Vec<usize>) -> Value {
    match sizes.first() {
        Some(first) if sizes.iter().all(|size| size == first) => (*first).into(),
        _ => sizes.into(),
    }
}

/// The first need that is not met, as a reason.
pub(super) fn needs(needs: &[(bool, &str)]) -> Result<(), String> {
    match needs.iter().find(|(met, _)| !met) {
        Some((_, need)) => Err(format!("it needs {need}")),
        None => Ok(()),
    }
}
