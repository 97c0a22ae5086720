//! Proxies as users name them: a named one or a formula.

use lpzero_proxy::named::{self, NAMED};
use lpzero_proxy::{Node, parse};

use crate::Error;

/// A proxy ready to be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// Name that the user gave.
    pub name: String,
    /// Formula of the proxy.
    pub formula: Node,
    /// 1 where larger scores promise better networks, -1 where smaller do.
    pub sign: i8,
}

impl Proxy {
    /// A named proxy, or a formula.
    ///
    /// # Errors
    ///
    /// Where the text is neither; the error shows the place.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some(named) = named::find(text) {
            return Ok(Self::named(named));
        }
        if let Some(product) = named::find_product(text) {
            return Err(Error::Formula(format!(
                "{text} is the {}, which says nothing of one architecture; expected a formula, or \
                 `lpzero rank --proxy {text}`",
                product.text()
            )));
        }
        let formula = parse(text).map_err(|error| Error::Formula(error.render(text)))?;
        Ok(Self {
            name: text.to_owned(),
            formula,
            sign: 1,
        })
    }

    /// Every named proxy, in the order of the table.
    pub fn all_named() -> Vec<Self> {
        NAMED.iter().map(Self::named).collect()
    }

    fn named(named: &named::Named) -> Self {
        Self {
            name: named.name.to_owned(),
            formula: named.node(),
            sign: named.sign,
        }
    }

    /// Whether the score takes a network, or follows from the architecture.
    pub fn needs_network(&self) -> bool {
        named::needs_network(&self.formula)
    }

    /// Whether the score reads the loss or a gradient of it.
    pub fn needs_loss(&self) -> bool {
        let mut needs = false;
        self.formula.walk(&mut |part| {
            needs |= match part {
                Node::Symbol(symbol) => symbol.needs_loss(),
                Node::Scalar(scalar) => scalar.row().needs_pass(),
                _ => false,
            };
        });
        needs
    }
}

impl From<Node> for Proxy {
    /// A formula, named by its text.
    fn from(formula: Node) -> Self {
        Self {
            name: formula.to_string(),
            formula,
            sign: 1,
        }
    }
}
