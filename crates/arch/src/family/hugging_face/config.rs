//! The outermost keys of a `config.json`, as all model types read them.

use crate::block::Activation;
use crate::document::{Cursor, Node};
use crate::error::{Error, Problem};
use crate::validate::MAX_BLOCKS;

/// Description of a valid size, for errors.
pub(super) const SIZE: &str = "a positive whole number";

/// Names of nonlinearities; the first of several is the one that is written.
const ACTIVATIONS: [(&str, Activation); 6] = [
    ("gelu", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
];

/// Name of a nonlinearity in transformers.
pub(super) fn activation_name(activation: Activation) -> &'static str {
    let mut names = ACTIVATIONS.iter();
    let found = names.find(|(_, known)| *known == activation);
    found.map_or("gelu", |(name, _)| name)
}

/// The contents of a config.
pub(super) struct Config<'a>(pub(super) &'a Cursor<'a>);

impl<'a> Config<'a> {
    /// The value of a key, where there is one and it is not `null`.
    pub(super) fn find(&self, key: &str) -> Option<Cursor<'a>> {
        self.0.given(key)
    }

    pub(super) fn size(&self, key: &str) -> Result<usize, Error> {
        self.0.get(key, SIZE)?.size()
    }

    pub(super) fn size_or(&self, key: &str, default: usize) -> Result<usize, Error> {
        self.find(key).map_or(Ok(default), |found| found.size())
    }

    pub(super) fn number_or(&self, key: &str, default: f64) -> Result<f64, Error> {
        self.find(key).map_or(Ok(default), |found| found.number())
    }

    pub(super) fn flag_or(&self, key: &str, default: bool) -> Result<bool, Error> {
        self.find(key).map_or(Ok(default), |found| found.flag())
    }

    /// The number of blocks. Checked before any list is made, since the count
    /// alone may ask for all memory.
    pub(super) fn layers(&self, key: &str) -> Result<usize, Error> {
        let layers = self.size(key)?;
        match layers <= MAX_BLOCKS {
            true => Ok(layers),
            false => Err(self.0.get(key, SIZE)?.error(Problem::TooMany {
                count: layers as u128,
                what: "blocks",
                limit: MAX_BLOCKS as u128,
            })),
        }
    }

    pub(super) fn activation_or(
        &self,
        key: &str,
        default: Activation,
    ) -> Result<Activation, Error> {
        let Some(found) = self.find(key) else {
            return Ok(default);
        };
        let name = found.text()?;
        let known = ACTIVATIONS.iter().find(|(known, _)| *known == name);
        let known = known.ok_or_else(|| found.unexpected("gelu, gelu_new, relu or silu"))?;
        Ok(known.1)
    }

    /// Refuses other values of these keys than the given ones.
    pub(super) fn require(&self, fixed: &[(&str, Node)]) -> Result<(), Error> {
        for (key, wanted) in fixed {
            if let Some(found) = self.find(key)
                && !found.node().is(wanted)
            {
                return Err(found.unexpected(wanted.to_string()));
            }
        }
        Ok(())
    }

    /// Refuses positions that are no table.
    pub(super) fn require_absolute_positions(&self) -> Result<(), Error> {
        match self.find("position_embedding_type") {
            Some(found) if found.text()? != "absolute" => Err(found.unexpected("\"absolute\"")),
            _ => Ok(()),
        }
    }
}
