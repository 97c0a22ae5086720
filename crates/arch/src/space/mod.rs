//! Spaces of architectures as declared data: a document with holes, and what may
//! fill them.
//!
//! An architecture of a space is what the family's own reader makes of the filled
//! document, so that a space holds nothing that a file cannot say. A combination
//! that the reader refuses (heads that do not divide the width) is no part of the
//! space, and needs no rule here.
//!
//! ```
//! use lpzero_arch::space::{Genotype, Space};
//!
//! let space = Space::read("tiny".as_ref())?;
//! // Two blocks; the first choice of width, the second of heads, the fourth of feed-forward.
//! let genotype = Genotype { network: vec![0, 1, 3], blocks: vec![vec![]; 2] };
//! let architecture = space.architecture(&genotype)?;
//! assert_eq!((architecture.blocks.len(), architecture.width), (2, 16));
//! # Ok::<(), lpzero_arch::Error>(())
//! ```

mod cut;
mod elastic;
mod lonas;
mod options;
mod template;

use std::path::{Path, PathBuf};

use crate::architecture::Architecture;
use crate::document::{Cursor, Document, Node};
use crate::error::{Error, Problem};
use crate::family::{Reading, read_value};
use crate::spec;
use crate::validate::MAX_BLOCKS;
use template::{BLOCKS, Template};

pub use cut::CUT;
pub use lonas::LONAS;

/// The value of `format`.
pub const FORMAT: &str = "lpzero-space";
/// The version that is written, and the newest that is read.
pub const VERSION: usize = 1;

/// The spaces that are built in: name and file.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("tiny", include_str!("../spaces/tiny.json")),
    ("tiny-elastic", include_str!("../spaces/tiny-elastic.json")),
    (
        "lonas-llama-7b",
        include_str!("../spaces/lonas-llama-7b.json"),
    ),
    ("lts-gpt2", include_str!("../spaces/lts-gpt2.json")),
    ("flexibert", include_str!("../spaces/flexibert.json")),
];

/// Most variables of a space.
pub const MAX_VARIABLES: usize = 64;
/// Most choices of one variable.
pub const MAX_CHOICES: usize = 100_000;
/// Most values of a filled document.
const MAX_VALUES: usize = 1_000_000;

/// A set of architectures to choose from.
#[derive(Clone, Debug)]
pub struct Space {
    /// Name of the space.
    pub name: String,
    /// Contents of the space, in a sentence; may be empty.
    pub about: String,
    /// How many blocks an architecture may have, in increasing order.
    pub blocks: Vec<usize>,
    /// Variables: the choices beside the number of blocks.
    pub variables: Vec<Variable>,
    template: Template,
    reading: Reading,
    path: PathBuf,
}

/// Something to choose, once per network or once per block.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Name in templates and tables.
    pub name: String,
    /// Whether every block has a choice of its own.
    pub per_block: bool,
    /// Values to choose from.
    pub choices: Vec<Node>,
    /// A smaller choice counts as the smallest that is at least so many times the
    /// choice of another variable, of the network.
    at_least: Option<(f64, usize)>,
}

/// One choice for everything: positions in the lists of choices.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Genotype {
    /// Choices for the variables of the network, in the order of the space.
    pub network: Vec<usize>,
    /// Choices for the variables of blocks, one list per block, each in the order of the space.
    pub blocks: Vec<Vec<usize>>,
}

impl Genotype {
    /// The choice of a variable, of one block where it is of blocks; `None`
    /// where the genotype is too short.
    pub fn choice(
        &self,
        variables: &[Variable],
        index: usize,
        block: Option<usize>,
    ) -> Option<usize> {
        let per_block = variables.get(index)?.per_block;
        let before = variables[..index].iter();
        let position = before.filter(|v| v.per_block == per_block).count();
        let choices = match per_block {
            true => self.blocks.get(block?)?,
            false => &self.network,
        };
        choices.get(position).copied()
    }
}

impl Variable {
    /// Name of a choice: the value itself, or the values of a mapping or list joined by `/`.
    pub fn label(&self, choice: usize) -> String {
        fn label(node: &Node) -> String {
            match node {
                Node::Text(text) => text.clone(),
                Node::Map(entries) => {
                    let values: Vec<_> = entries.iter().map(|(_, node)| label(node)).collect();
                    values.join("/")
                }
                Node::List(nodes) => nodes.iter().map(label).collect::<Vec<_>>().join("/"),
                other => other.to_string(),
            }
        }
        self.choices.get(choice).map(label).unwrap_or_default()
    }
}

impl Space {
    /// Reads a space: a built-in one by its name, unless there is a file of that
    /// name, else a file of format `lpzero-space` (JSON or YAML).
    ///
    /// # Errors
    /// [`Error`], naming file and key.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::of(&Self::document(path)?.root())
    }

    /// The document that [`read`](Self::read) reads, for whoever keeps it.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn document(path: &Path) -> Result<Document, Error> {
        let mut built_in = BUILT_IN.iter();
        let built_in = built_in.find(|(name, _)| Path::new(name) == path && !path.exists());
        match built_in {
            Some((name, text)) => Document::parse_json(format!("{name}.json"), text),
            None => Document::read(path),
        }
    }

    /// Reads a space from the contents of its file.
    ///
    /// # Errors
    /// [`Error`], naming file and key.
    pub fn of(root: &Cursor<'_>) -> Result<Self, Error> {
        spec::check_header(root, FORMAT, VERSION)?;
        let root = root.get("space", "a space of architectures")?;
        known_keys(
            &root,
            &[
                "name",
                "about",
                "source",
                "reading",
                BLOCKS,
                "variables",
                "template",
            ],
        )?;
        let text = |key: &str| root.find(key).map_or(Ok(""), |found| found.text());
        text("source")?;
        let reading = match root.find("reading") {
            Some(found) => (found.text()?.parse())
                .map_err(|_| found.unexpected("as-trained, declared or reference"))?,
            None => Reading::default(),
        };
        let blocks = read_blocks(&root.get(BLOCKS, "a list of numbers of blocks")?)?;
        let listed = root.get("variables", "a list of variables")?;
        let items = listed.items()?;
        if items.len() > MAX_VARIABLES {
            return Err(listed.error(Problem::TooMany {
                count: items.len() as u128,
                what: "variables",
                limit: MAX_VARIABLES as u128,
            }));
        }
        let mut variables: Vec<Variable> = Vec::with_capacity(items.len());
        for item in &items {
            let variable = read_variable(item, &variables)?;
            variables.push(variable);
        }
        let at = root.get("template", "a document of an architecture with holes")?;
        let mut used = vec![false; variables.len()];
        let template = Template::read(&at, &variables, &mut used, false)?;
        if let Some(unused) = used.iter().position(|used| !used) {
            return Err(listed.error(Problem::Malformed(format!(
                "{}: expected ${} somewhere in the template",
                variables[unused].name, variables[unused].name
            ))));
        }
        let most = blocks.last().copied().unwrap_or(1);
        let values = template.size().saturating_mul(most);
        if values > MAX_VALUES {
            return Err(at.error(Problem::TooMany {
                count: values as u128,
                what: "values with the most blocks",
                limit: MAX_VALUES as u128,
            }));
        }
        Ok(Space {
            name: root
                .get("name", "the name of the space")?
                .text()?
                .to_owned(),
            about: text("about")?.to_owned(),
            blocks,
            variables,
            template,
            reading,
            path: root.place().file,
        })
    }

    /// The variables of the network, or of blocks, in order.
    pub fn variables_of(&self, per_block: bool) -> impl Iterator<Item = &Variable> {
        let variables = self.variables.iter();
        variables.filter(move |variable| variable.per_block == per_block)
    }

    /// Number of combinations, valid or not.
    pub fn combinations(&self) -> f64 {
        let product = |per_block| -> f64 {
            let sizes = self.variables_of(per_block);
            sizes
                .map(|variable| variable.choices.len() as f64)
                .product()
        };
        let of_blocks = product(true);
        let blocks = self.blocks.iter();
        product(false) * blocks.map(|&n| of_blocks.powf(n as f64)).sum::<f64>()
    }

    /// Raises choices that are less than a multiple of another variable to the
    /// smallest that is not; what no choice satisfies stays, at the largest.
    pub fn raise(&self, genotype: &mut Genotype) {
        let mut position = [0; 2];
        for variable in &self.variables {
            let at = position[usize::from(variable.per_block)];
            position[usize::from(variable.per_block)] += 1;
            let Some((times, of)) = variable.at_least else {
                continue;
            };
            let other = genotype.choice(&self.variables, of, None);
            let other =
                other.and_then(|choice| self.variables[of].choices.get(choice)?.as_number());
            let Some(bound) = other.map(|other| times * other) else {
                continue;
            };
            let enough = |node: &Node| node.as_number().is_some_and(|value| value >= bound);
            let first = variable.choices.iter().position(enough);
            let first = first.unwrap_or(variable.choices.len() - 1);
            let lists = match variable.per_block {
                true => genotype.blocks.iter_mut().collect(),
                false => vec![&mut genotype.network],
            };
            for choice in lists.into_iter().filter_map(|list| list.get_mut(at)) {
                *choice = first.max(*choice);
            }
        }
    }

    /// The choices of a genotype by name, the number of blocks first: one label for
    /// a variable of the network, one per block for a variable of blocks.
    pub fn choices<'a>(&'a self, genotype: &Genotype) -> Vec<(&'a str, Vec<String>)> {
        let depth = genotype.blocks.len();
        let mut choices = vec![(BLOCKS, vec![depth.to_string()])];
        for (index, variable) in self.variables.iter().enumerate() {
            let label = |block: Option<usize>| {
                let choice = genotype.choice(&self.variables, index, block);
                choice
                    .map(|choice| variable.label(choice))
                    .unwrap_or_default()
            };
            let labels = match variable.per_block {
                true => (0..depth).map(|block| label(Some(block))).collect(),
                false => vec![label(None)],
            };
            choices.push((&variable.name, labels));
        }
        choices
    }

    /// The architecture of a genotype.
    ///
    /// # Errors
    /// What the family's reader says of the filled document: the combination is
    /// not a network, or the genotype not of this space.
    pub fn architecture(&self, genotype: &Genotype) -> Result<Architecture, Error> {
        let filled = self.template.fill(&self.variables, genotype, None);
        let document = Document::of(&self.path, filled);
        let root = document.root().as_record("an architecture of the space");
        Ok(read_value(&root, self.reading)?.0)
    }
}

/// Refuses keys that mean nothing, which are misspelt ones.
fn known_keys(at: &Cursor<'_>, known: &[&str]) -> Result<(), Error> {
    for (key, value) in at.entries()? {
        if !known.contains(&key) {
            return Err(value.error(Problem::Malformed(format!(
                "unknown key, expected one of {}",
                known.join(", ")
            ))));
        }
    }
    Ok(())
}

fn read_blocks(at: &Cursor<'_>) -> Result<Vec<usize>, Error> {
    let mut blocks = Vec::new();
    for choice in read_choices(at)? {
        let size = choice.as_whole().and_then(|n| usize::try_from(n).ok());
        let size = size.filter(|n| (1..=MAX_BLOCKS).contains(n));
        blocks.push(size.ok_or_else(|| {
            at.error(Problem::unexpected(
                format!("whole numbers from 1 to {MAX_BLOCKS}"),
                &choice,
            ))
        })?);
    }
    blocks.sort_unstable();
    Ok(blocks)
}

fn read_variable(at: &Cursor<'_>, before: &[Variable]) -> Result<Variable, Error> {
    known_keys(at, &["name", "per", "choices", "at_least"])?;
    let name = at.get("name", "the name of the variable")?;
    let text = name.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || text == BLOCKS || !text.chars().all(plain) {
        return Err(name.unexpected(format!(
            "letters, digits, - and _, and another name than {BLOCKS}"
        )));
    }
    if before.iter().any(|variable| variable.name == text) {
        return Err(name.error(Problem::Malformed(format!("{text:?}: declared twice"))));
    }
    let per_block = match at.find("per") {
        None => false,
        Some(found) => match found.text()? {
            "network" => false,
            "block" => true,
            _ => return Err(found.unexpected("network or block")),
        },
    };
    let listed = at.get("choices", "a list of choices, or from, to and step")?;
    let choices = read_choices(&listed)?;
    let at_least = at.find("at_least").map(|found| {
        known_keys(&found, &["times", "of"])?;
        let times = found.get("times", "a number")?.number()?;
        let of = found.get("of", "the name of a variable of the network")?;
        let name = of.text()?;
        let numbers = |variable: &Variable| {
            let mut choices = variable.choices.iter();
            choices.all(|choice| choice.as_number().is_some())
        };
        let known = before
            .iter()
            .position(|known| known.name == name && !known.per_block && numbers(known));
        let known = known.ok_or_else(|| {
            of.unexpected("a variable of the network, declared before, whose choices are numbers")
        })?;
        let rising = choices
            .windows(2)
            .all(|pair| pair[0].as_number() < pair[1].as_number());
        if !rising || choices.iter().any(|choice| choice.as_number().is_none()) {
            return Err(listed.unexpected("numbers in increasing order, beside at_least"));
        }
        Ok((times, known))
    });
    Ok(Variable {
        name: text.to_owned(),
        per_block,
        at_least: at_least.transpose()?,
        choices,
    })
}

/// A list, or a range of whole numbers with both ends.
fn read_choices(at: &Cursor<'_>) -> Result<Vec<Node>, Error> {
    let too_many = |count: u128| {
        at.error(Problem::TooMany {
            count,
            what: "choices",
            limit: MAX_CHOICES as u128,
        })
    };
    let choices: Vec<Node> = if let Node::Map(_) = at.node() {
        known_keys(at, &["from", "to", "step"])?;
        let from = at.get("from", "a positive whole number")?.size()?;
        let to = at.get("to", "a positive whole number")?;
        let step = at.find("step").map_or(Ok(1), |found| found.size())?;
        let end = to.size()?;
        if end < from {
            return Err(to.unexpected(format!("no less than from = {from}")));
        }
        let count = (end - from) / step + 1;
        if count > MAX_CHOICES {
            return Err(too_many(count as u128));
        }
        let numbers = (from..=end).step_by(step);
        numbers.map(|n| Node::Integer(n as i128)).collect()
    } else {
        let items = at.items()?;
        if items.len() > MAX_CHOICES {
            return Err(too_many(items.len() as u128));
        }
        items.iter().map(|item| item.node().clone()).collect()
    };
    if choices.is_empty() {
        return Err(at.unexpected("at least one choice"));
    }
    // A choice that stands there twice would be drawn twice as often.
    for (index, choice) in choices.iter().enumerate().take(1000) {
        if choices[..index].contains(choice) {
            return Err(at.error(Problem::Malformed(format!("{choice} stands there twice"))));
        }
    }
    Ok(choices)
}
