//! A document with holes: what a space makes architectures of.
//!
//! A string that starts with `$` is a hole: `$name` stands for the choice of that
//! variable, `$name.field` for a field of it where choices are mappings,
//! `$a * $b` for a product of numbers, rounded to a whole one, and `$blocks` for
//! the number of blocks. A mapping `{"$each": x}` stands for a list of x, once per
//! block, in which variables of blocks may be used.

use super::{Genotype, Variable};
use crate::document::{Cursor, Node};
use crate::error::{Error, Problem};

/// The key of a list with an element per block.
const EACH: &str = "$each";
/// The name that stands for the number of blocks.
pub(super) const BLOCKS: &str = "blocks";

/// A part of a template.
#[derive(Clone, Debug)]
pub(super) enum Template {
    /// A scalar, taken as it stands.
    Fixed(Node),
    /// A hole: the product of these, or the one.
    Hole(Vec<Factor>),
    List(Vec<Template>),
    Map(Vec<(String, Template)>),
    /// Once per block.
    Each(Box<Template>),
}

/// Number or value that a hole refers to.
#[derive(Clone, Debug)]
pub(super) enum Factor {
    Blocks,
    Variable { index: usize, field: Option<String> },
}

impl Template {
    /// Reads a template, and marks in `used` the variables that it refers to.
    pub(super) fn read(
        at: &Cursor<'_>,
        variables: &[Variable],
        used: &mut [bool],
        in_block: bool,
    ) -> Result<Self, Error> {
        Ok(match at.node() {
            Node::Text(text) if text.starts_with('$') => {
                let factors = text.split('*').map(str::trim);
                let factors: Vec<Factor> = factors
                    .map(|name| factor(at, name, variables, used, in_block))
                    .collect::<Result<_, _>>()?;
                Template::Hole(factors)
            }
            Node::List(_) => {
                let items = at.items()?.into_iter();
                let items = items.map(|item| Self::read(&item, variables, used, in_block));
                Template::List(items.collect::<Result<_, _>>()?)
            }
            Node::Map(entries) => {
                if let Some(each) = at.find(EACH) {
                    if in_block {
                        return Err(each.error(Problem::Malformed(format!(
                            "{EACH} inside {EACH}: a block has no blocks"
                        ))));
                    }
                    if entries.len() > 1 {
                        return Err(each.error(Problem::Malformed(format!(
                            "expected no other key beside {EACH}"
                        ))));
                    }
                    let inner = Self::read(&each, variables, used, true)?;
                    return Ok(Template::Each(Box::new(inner)));
                }
                let entries = at.entries()?.into_iter();
                let entries = entries.map(|(key, value)| {
                    let value = Self::read(&value, variables, used, in_block)?;
                    Ok((key.to_owned(), value))
                });
                Template::Map(entries.collect::<Result<_, Error>>()?)
            }
            other => Template::Fixed(other.clone()),
        })
    }

    /// How many values a filled template has per block, from above.
    pub(super) fn size(&self) -> usize {
        1 + match self {
            Template::Fixed(_) | Template::Hole(_) => 0,
            Template::List(items) => items.iter().map(Template::size).sum(),
            Template::Map(entries) => entries.iter().map(|(_, value)| value.size()).sum(),
            Template::Each(inner) => inner.size(),
        }
    }

    /// The document of a genotype; `block` is the block under way.
    pub(super) fn fill(
        &self,
        variables: &[Variable],
        genotype: &Genotype,
        block: Option<usize>,
    ) -> Node {
        match self {
            Template::Fixed(node) => node.clone(),
            Template::Hole(factors) => hole(factors, variables, genotype, block),
            Template::List(items) => {
                let items = items.iter();
                Node::List(
                    items
                        .map(|item| item.fill(variables, genotype, block))
                        .collect(),
                )
            }
            Template::Map(entries) => {
                let fill = |(key, value): &(String, Template)| {
                    (key.clone(), value.fill(variables, genotype, block))
                };
                Node::Map(entries.iter().map(fill).collect())
            }
            Template::Each(inner) => {
                let blocks = 0..genotype.blocks.len();
                Node::List(
                    blocks
                        .map(|block| inner.fill(variables, genotype, Some(block)))
                        .collect(),
                )
            }
        }
    }
}

fn factor(
    at: &Cursor<'_>,
    text: &str,
    variables: &[Variable],
    used: &mut [bool],
    in_block: bool,
) -> Result<Factor, Error> {
    let known = || {
        let names = variables.iter().map(|variable| variable.name.as_str());
        let names = names.chain([BLOCKS]).map(|name| format!("${name}"));
        names.collect::<Vec<_>>().join(", ")
    };
    let unknown = || at.unexpected(format!("one of {}, or a product of them", known()));
    let name = text.strip_prefix('$').ok_or_else(unknown)?;
    if name == BLOCKS {
        return Ok(Factor::Blocks);
    }
    let (name, field) = match name.split_once('.') {
        Some((name, field)) => (name, Some(field.to_owned())),
        None => (name, None),
    };
    let index = variables.iter().position(|variable| variable.name == name);
    let index = index.ok_or_else(unknown)?;
    let variable = &variables[index];
    if variable.per_block && !in_block {
        return Err(at.error(Problem::Malformed(format!(
            "${name} differs between blocks: expected it inside {{\"{EACH}\": ...}}"
        ))));
    }
    if let Some(field) = &field {
        let has = |choice: &Node| match choice {
            Node::Map(entries) => entries.iter().any(|(key, _)| key == field),
            _ => false,
        };
        if !variable.choices.iter().all(has) {
            return Err(at.error(Problem::Malformed(format!(
                "expected every choice of {name} to have the key `{field}`"
            ))));
        }
    }
    used[index] = true;
    Ok(Factor::Variable { index, field })
}

fn hole(
    factors: &[Factor],
    variables: &[Variable],
    genotype: &Genotype,
    block: Option<usize>,
) -> Node {
    let value = |factor: &Factor| match factor {
        Factor::Blocks => Node::Integer(genotype.blocks.len() as i128),
        Factor::Variable { index, field } => {
            let variable = &variables[*index];
            let choice = genotype.choice(variables, *index, block);
            let choice = choice.and_then(|choice| variable.choices.get(choice));
            match (choice, field) {
                (Some(Node::Map(entries)), Some(field)) => entries
                    .iter()
                    .find(|(key, _)| key == field)
                    .map_or(Node::Null, |(_, node)| node.clone()),
                (Some(node), _) => node.clone(),
                // Such a genotype is not of this space; the reader will say so.
                (None, _) => Node::Null,
            }
        }
    };
    match factors {
        [one] => value(one),
        several => {
            let product: Option<f64> = several
                .iter()
                .map(|factor| value(factor).as_number())
                .product();
            product.map_or(Node::Null, |product| Node::Integer(product.round() as i128))
        }
    }
}
