//! A user's table of costs: what every choice adds, as measured on the device that
//! the network is meant for.
//!
//! ```csv
//! variable,value,cost
//! n_head,2,0.8
//! n_head,4,1.1
//! n_head,8,1.9
//! ```
//!
//! The cost of an architecture is the sum over its choices, over every block for a
//! variable of blocks (LiteTransformerSearch, HAT and others look latencies up so).
//! A variable without rows adds nothing; one with rows has one for every choice.
//! `blocks` is the number of blocks.

use std::path::Path;

use lpzero_arch::{Genotype, Space};
use lpzero_run::input::{self, Limit};

use crate::Error;

/// Costs of choices.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// By number of blocks, in the order of the space; zeros without rows.
    blocks: Vec<f64>,
    /// By variable, then choice.
    variables: Vec<Vec<f64>>,
}

/// Columns of the file.
const HEADER: [&str; 3] = ["variable", "value", "cost"];

/// Size of the largest table.
const LIMIT: Limit = Limit::mebibytes("a table of costs", 64);

impl Table {
    /// Reads a table for a space: CSV with the columns `variable`, `value`, `cost`.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Table`] with the line.
    pub fn read(path: &Path, space: &Space) -> Result<Self, Error> {
        let wrong = |what: String| Error::Table {
            path: path.to_owned(),
            what,
        };
        let text = input::read_text(path, LIMIT).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, space).map_err(wrong)
    }

    fn parse(text: &str, space: &Space) -> Result<Self, String> {
        let mut given = Given::none(space);
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| error.to_string())?;
        if *header != HEADER[..] {
            return Err(format!("line 1: expected the columns {}", HEADER.join(",")));
        }
        for row in reader.records() {
            let row = row.map_err(|error| error.to_string())?;
            let line = row.position().map_or(0, csv::Position::line);
            let taken = given.take([&row[0], &row[1], &row[2]]);
            taken.map_err(|what| format!("line {line}: {what}"))?;
        }
        given.complete()
    }

    /// The cost of an architecture.
    pub fn cost(&self, space: &Space, genotype: &Genotype) -> f64 {
        let depth = genotype.blocks.len();
        let number = space.blocks.iter().position(|&blocks| blocks == depth);
        let mut cost = number
            .and_then(|at| self.blocks.get(at))
            .copied()
            .unwrap_or(0.0);
        for (index, (variable, costs)) in space.variables.iter().zip(&self.variables).enumerate() {
            let of = |block: Option<usize>| {
                let choice = genotype.choice(&space.variables, index, block);
                choice
                    .and_then(|choice| costs.get(choice))
                    .copied()
                    .unwrap_or(0.0)
            };
            cost += match variable.per_block {
                true => (0..depth).map(|block| of(Some(block))).sum(),
                false => of(None),
            };
        }
        cost
    }
}

/// The rows of a table so far.
struct Given<'a> {
    space: &'a Space,
    /// Choices by variable, as tables name them; the number of blocks comes last.
    labels: Vec<Vec<String>>,
    /// Their costs.
    costs: Vec<Vec<Option<f64>>>,
}

impl<'a> Given<'a> {
    fn none(space: &'a Space) -> Self {
        let labels = space.variables.iter().map(|variable| {
            let choices = 0..variable.choices.len();
            choices.map(|choice| variable.label(choice)).collect()
        });
        let blocks = space.blocks.iter().map(ToString::to_string).collect();
        let labels: Vec<Vec<String>> = labels.chain([blocks]).collect();
        let costs = labels.iter().map(|labels| vec![None; labels.len()]);
        Self {
            space,
            costs: costs.collect(),
            labels,
        }
    }

    /// Takes one row.
    fn take(&mut self, [name, value, cost]: [&str; 3]) -> Result<(), String> {
        let variables = &self.space.variables;
        let index = match name {
            "blocks" => Some(self.labels.len() - 1),
            _ => variables.iter().position(|known| known.name == name),
        };
        let index = index.ok_or_else(|| {
            let names = variables.iter().map(|variable| &variable.name[..]);
            let names = names.chain(["blocks"]).collect::<Vec<_>>().join(", ");
            format!("variable {name:?}: expected one of {names}")
        })?;
        let labels = &self.labels[index];
        let choice = labels.iter().position(|label| label == value);
        let choice = choice.ok_or_else(|| {
            let first: Vec<_> = labels.iter().take(8).map(|l| &l[..]).collect();
            let more = if labels.len() > 8 { ", ..." } else { "" };
            format!(
                "value {value:?}: expected a choice of {name}: {}{more}",
                first.join(", ")
            )
        })?;
        let number: Option<f64> = cost.parse().ok().filter(|cost: &f64| cost.is_finite());
        let number = number.ok_or_else(|| format!("cost {cost:?}: expected a finite number"))?;
        match self.costs[index][choice].replace(number) {
            Some(_) => Err(format!("{name} {value}: given twice")),
            None => Ok(()),
        }
    }

    /// The table, if every variable has costs for all of its choices or for none.
    fn complete(self) -> Result<Table, String> {
        let mut variables = Vec::with_capacity(self.costs.len());
        for (index, costs) in self.costs.iter().enumerate() {
            let missing = costs.iter().position(Option::is_none);
            match missing {
                Some(choice) if costs.iter().any(Option::is_some) => {
                    let variable = self.space.variables.get(index);
                    let name = variable.map_or("blocks", |variable| &variable.name);
                    let label = &self.labels[index][choice];
                    return Err(format!(
                        "{name}: no row for the choice {label}, expected one for each"
                    ));
                }
                _ => variables.push(costs.iter().map(|cost| cost.unwrap_or(0.0)).collect()),
            }
        }
        let blocks: Vec<f64> = variables.pop().unwrap_or_default();
        let mut all = blocks.iter().chain(variables.iter().flatten());
        if all.all(|&cost| cost == 0.0) {
            return Err("no cost but 0: expected rows variable,value,cost".to_owned());
        }
        Ok(Table { blocks, variables })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn costs_add_up_over_choices_and_blocks() {
        let space = Space::read("lts-gpt2".as_ref()).unwrap();
        let mut text = "variable,value,cost\nn_head,2,1\nn_head, 4, 10\nn_head,8,100\n".to_owned();
        text += "div_val,1,0.5\ndiv_val,2,0.25\ndiv_val,4,0\n";
        let table = Table::parse(&text, &space).unwrap();
        let genotype = Genotype {
            network: vec![0, 0, 1],
            blocks: vec![vec![0, 0], vec![2, 3], vec![2, 0]],
        };
        assert_eq!(table.cost(&space, &genotype), 1.0 + 100.0 + 100.0 + 0.25);
    }

    #[test]
    fn wrong_tables_are_explained() {
        let space = Space::read("lts-gpt2".as_ref()).unwrap();
        let complaint = |rows: &str| {
            let text = format!("variable,value,cost\n{rows}");
            Table::parse(&text, &space).unwrap_err()
        };
        assert!(
            Table::parse("a,b\n", &space)
                .unwrap_err()
                .contains("line 1: expected")
        );
        assert!(complaint("").contains("no cost"));
        assert!(
            complaint("n_hat,2,1").contains("line 2: variable \"n_hat\": expected one of d_model")
        );
        assert!(
            complaint("n_head,3,1").contains("value \"3\": expected a choice of n_head: 2, 4, 8")
        );
        assert!(complaint("n_head,2,nan").contains("expected a finite number"));
        assert!(complaint("n_head,2,1\nn_head,2,1").contains("line 3: n_head 2: given twice"));
        assert!(complaint("n_head,2,1\nn_head,4,1").contains("no row for the choice 8"));
    }
}
