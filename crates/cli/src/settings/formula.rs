//! A formula as run folders keep it.

use anyhow::Result;
use lpzero::Proxy;
use serde::{Deserialize, Serialize};

use crate::failure::failed;

/// A formula, also where a run was named: that may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formula {
    pub name: String,
    pub formula: String,
    pub sign: i8,
}

impl From<&Proxy> for Formula {
    fn from(proxy: &Proxy) -> Self {
        Self {
            name: proxy.name.clone(),
            formula: proxy.formula.to_string(),
            sign: proxy.sign,
        }
    }
}

impl Formula {
    /// The proxy.
    ///
    /// # Errors
    /// A file that somebody changed.
    pub fn proxy(&self) -> Result<Proxy> {
        let parsed = Proxy::parse(&self.formula).map_err(failed)?;
        Ok(Proxy {
            name: self.name.clone(),
            formula: parsed.formula,
            sign: self.sign,
        })
    }
}
