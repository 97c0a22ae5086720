//! From declared variables to the columns of linear models.
//!
//! Depth and width come first, because nearly everything grows with them: as one
//! indicator per combination where there are few, else as a cubic surface in
//! their logarithms. Every other variable then has columns of its own (see
//! [`Term`]), each with a slope per combination (or linear in both logarithms),
//! so that "beyond depth and width" means beyond any effect that differs between
//! them.

use std::collections::BTreeMap;

use lpzero_arch::{Read, Value};
use lpzero_stats::regression::Basis;
use lpzero_truth::GroundTruth;
use serde::Serialize;

use crate::Error;

pub(super) type Column = Vec<f64>;

/// Number of values up to which a number is treated as so many kinds.
const FEW: usize = 4;
/// Combinations of depth and width up to which each has an indicator.
const FEW_CELLS: usize = 8;
/// Architectures that each of those must have.
const CELL_MEMBERS: usize = 5;
/// Observations that must be left beyond parameters for a test.
const LEAST_FREEDOM: usize = 10;

/// How a declared variable varies.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Key of the variable in the family's files.
    pub name: String,
    /// `network` or `block`: what has one value of it.
    pub per: &'static str,
    /// `numeric` or `categorical`.
    pub kind: &'static str,
    /// Number of different values.
    pub values: usize,
    /// The values where they are few, else the smallest and the largest.
    pub range: Vec<String>,
    /// Why no test was made, where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untested: Option<&'static str>,
}

/// A variable other than depth and width.
///
/// Its columns: per kind but the first, the number of blocks of this kind (for a
/// variable of the network: whether it is of this kind). A number with more than
/// four values: the mean of its logarithm over blocks, and the square of that.
pub(super) struct Term {
    pub name: &'static str,
    pub per_block: bool,
    /// Values per architecture: one, or one per block; indices into `levels`.
    values: Vec<Vec<usize>>,
    levels: Levels,
    columns: Vec<Column>,
}

enum Levels {
    Numbers(Vec<f64>),
    Names(Vec<String>),
}

impl Levels {
    fn len(&self) -> usize {
        match self {
            Levels::Numbers(numbers) => numbers.len(),
            Levels::Names(names) => names.len(),
        }
    }

    fn name(&self, level: usize) -> String {
        match self {
            Levels::Numbers(numbers) => numbers[level].to_string(),
            Levels::Names(names) => names[level].clone(),
        }
    }

    fn are_kinds(&self) -> bool {
        matches!(self, Levels::Names(_)) || self.len() <= FEW
    }

    /// The level as a number to calculate with.
    fn number(&self, level: usize) -> f64 {
        match self {
            Levels::Numbers(numbers) if numbers[0] > 0.0 => numbers[level].ln(),
            Levels::Numbers(numbers) => numbers[level],
            Levels::Names(_) => level as f64,
        }
    }
}

impl Term {
    fn new(name: &'static str, per_block: bool, values: Vec<Vec<Value>>) -> Self {
        let mut numbers: Vec<f64> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for value in values.iter().flatten() {
            match value {
                Value::Number(number) => numbers.push(*number),
                Value::Name(name) => names.push(name.clone()),
            }
        }
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        names.sort();
        names.dedup();
        let index = |value: &Value| match value {
            Value::Number(number) => numbers.partition_point(|known| known < number),
            Value::Name(name) => names.partition_point(|known| known < name),
        };
        let values: Vec<Vec<usize>> = values
            .iter()
            .map(|of_one| of_one.iter().map(index).collect())
            .collect();
        let levels = match names.is_empty() {
            true => Levels::Numbers(numbers),
            false => Levels::Names(names),
        };
        let mut term = Self {
            name,
            per_block,
            values,
            levels,
            columns: Vec::new(),
        };
        term.columns = term.columns_where(|_, _| true, false);
        if !term.levels.are_kinds() {
            let square = term.columns[0].iter().map(|x| x * x).collect();
            term.columns.push(square);
        }
        term
    }

    /// The columns over those blocks that `counts` (architecture, block) takes;
    /// `share` divides numbers of blocks by the depth.
    fn columns_where(&self, counts: impl Fn(usize, usize) -> bool, share: bool) -> Vec<Column> {
        let column = |weigh: &dyn Fn(usize) -> f64, mean: bool| -> Column {
            let of_one = |(i, levels): (usize, &Vec<usize>)| {
                let taken = levels.iter().enumerate().filter(|(b, _)| counts(i, *b));
                let sum: f64 = taken.map(|(_, &level)| weigh(level)).sum();
                match mean {
                    true => sum / levels.len().max(1) as f64,
                    false => sum,
                }
            };
            standardised(self.values.iter().enumerate().map(of_one).collect())
        };
        if self.levels.are_kinds() {
            (1..self.levels.len())
                .map(|level| column(&|found| f64::from(u8::from(found == level)), share))
                .collect()
        } else {
            let all = self.values.iter().flatten();
            let n = all.clone().count() as f64;
            let mean = all.map(|&level| self.levels.number(level)).sum::<f64>() / n;
            vec![column(&|level| self.levels.number(level) - mean, true)]
        }
    }
}

/// A test: the columns in question and the model that they must add to.
pub(super) struct Question {
    pub variable: String,
    /// The part of the blocks that it is about: another variable and its value.
    pub inside: Option<(String, String)>,
    pub per: &'static str,
    pub smaller: Basis,
    pub added: Vec<Column>,
}

/// All variables of a ground truth.
pub(super) struct Design {
    depth_name: &'static str,
    width_name: &'static str,
    depth: Vec<f64>,
    width: Vec<f64>,
    terms: Vec<Term>,
    summaries: Vec<Summary>,
    /// Depth and width: the columns of every model.
    strata: Vec<Column>,
    /// Multipliers of the columns of the other variables.
    slopes: Vec<Column>,
    interactions: bool,
}

impl Design {
    pub fn new(truth: &GroundTruth) -> Result<Self, Error> {
        let declared = truth.variables();
        let networks = || truth.entries.iter().map(|entry| &entry.architecture);
        let depth: Vec<f64> = networks().map(|a| a.blocks.len() as f64).collect();
        let width: Vec<f64> = networks().map(|a| a.width as f64).collect();
        let n = depth.len();

        let mut summaries = Vec::new();
        let mut terms = Vec::new();
        for (name, values) in [(declared.depth, &depth), (declared.width, &width)] {
            let values = values.iter().map(|&x| vec![Value::Number(x)]).collect();
            summaries.push(summary(&Term::new(name, false, values)));
        }
        for variable in declared.others {
            let values = networks().map(|network| match variable.read {
                Read::Network(read) => vec![read(network)],
                Read::Block(read) => network.blocks.iter().map(read).collect(),
            });
            let per_block = matches!(variable.read, Read::Block(_));
            let term = Term::new(variable.name, per_block, values.collect());
            summaries.push(summary(&term));
            if term.levels.len() > 1 {
                terms.push(term);
            }
        }

        let mut design = Self {
            depth_name: declared.depth,
            width_name: declared.width,
            depth,
            width,
            terms,
            summaries,
            strata: Vec::new(),
            slopes: Vec::new(),
            interactions: true,
        };
        design.interact();
        if n < 2 * design.parameters() {
            design.interactions = false;
            let ones = vec![1.0; n];
            design.strata = vec![ones.clone(), logs(&design.depth), logs(&design.width)];
            design.slopes = vec![ones];
        }
        let parameters = design.parameters();
        if n < parameters + LEAST_FREEDOM {
            return Err(Error::Audit(format!(
                "{}: {n} architectures are too few to audit their {} variables, expected at least {}",
                truth.path.display(),
                design.terms.len() + 2,
                parameters + LEAST_FREEDOM
            )));
        }
        Ok(design)
    }

    /// Depth and width in full, and a slope of every other variable for each.
    fn interact(&mut self) {
        let mut cells: BTreeMap<(u64, u64), Column> = BTreeMap::new();
        let n = self.depth.len();
        for i in 0..n {
            let key = (self.depth[i] as u64, self.width[i] as u64);
            cells.entry(key).or_insert_with(|| vec![0.0; n])[i] = 1.0;
        }
        let smallest = cells.values().map(|cell| cell.iter().sum::<f64>() as usize);
        if cells.len() <= FEW_CELLS && smallest.min() >= Some(CELL_MEMBERS) {
            self.strata = cells.into_values().collect();
            self.slopes = self.strata.clone();
            return;
        }
        let (d, w) = (logs(&self.depth), logs(&self.width));
        self.strata = powers(&d, &w, 3);
        self.slopes = powers(&d, &w, 1);
    }

    fn parameters(&self) -> usize {
        let columns: usize = self.terms.iter().map(|term| term.columns.len()).sum();
        self.strata.len() + self.slopes.len() * columns
    }

    pub fn depth_name(&self) -> &'static str {
        self.depth_name
    }

    pub fn width_name(&self) -> &'static str {
        self.width_name
    }

    pub fn interactions(&self) -> bool {
        self.interactions
    }

    pub fn summaries(&self) -> Vec<Summary> {
        self.summaries.clone()
    }

    /// Everything at once.
    pub fn full_model(&self) -> Basis {
        self.model(self.terms.iter().flat_map(|term| &term.columns))
    }

    /// Depth, width and these columns with their slopes.
    fn model<'a>(&'a self, columns: impl Iterator<Item = &'a Column>) -> Basis {
        let mut basis = Basis::new(self.strata.iter().map(Vec::as_slice));
        for column in columns {
            for slope in &self.slopes {
                basis.extend([&product(slope, column)[..]]);
            }
        }
        basis
    }

    /// Every test of the audit: each variable beyond all others, then each
    /// variable of blocks inside every part of the blocks that another one with
    /// few values singles out.
    pub fn questions(&self) -> Vec<Question> {
        let mut questions = self.size_questions();
        for term in &self.terms {
            let others = self.terms.iter().filter(|other| other.name != term.name);
            questions.push(Question {
                variable: term.name.to_owned(),
                inside: None,
                per: if term.per_block { "block" } else { "network" },
                smaller: self.model(others.flat_map(|other| &other.columns)),
                added: term.columns.clone(),
            });
        }
        let blocks = || self.terms.iter().filter(|term| term.per_block);
        for term in blocks() {
            let conditions = blocks()
                .filter(|condition| condition.name != term.name && condition.levels.len() <= FEW);
            for condition in conditions {
                questions.extend(
                    (0..condition.levels.len())
                        .map(|level| self.question_inside(term, condition, level)),
                );
            }
        }
        questions
    }

    fn question_inside(&self, term: &Term, condition: &Term, level: usize) -> Question {
        let inside = |i: usize, b: usize| condition.values[i][b] == level;
        let rest = term.columns_where(|i, b| !inside(i, b), false);
        let others = self.terms.iter().filter(|other| other.name != term.name);
        let others = others.flat_map(|other| &other.columns);
        Question {
            variable: term.name.to_owned(),
            inside: Some((condition.name.to_owned(), condition.levels.name(level))),
            per: "block",
            smaller: self.model(others.chain(&rest)),
            added: term.columns_where(inside, false),
        }
    }

    /// Depth and width themselves, each beyond the other and beyond what the
    /// other variables are per block: their numbers of blocks contain the depth.
    fn size_questions(&self) -> Vec<Question> {
        let sizes = [
            (self.depth_name, &self.depth, &self.width),
            (self.width_name, &self.width, &self.depth),
        ];
        let vary = |column: &[f64]| column.iter().any(|x| *x != column[0]);
        let questions = sizes.into_iter().filter(|(_, size, _)| vary(size));
        questions
            .map(|(name, size, other)| {
                let ones = vec![1.0; size.len()];
                let (size, other) = (logs(size), logs(other));
                let strata = powers(&ones, &other, 3);
                let slopes = match self.interactions {
                    true => vec![ones, other],
                    false => vec![ones],
                };
                let mut smaller = Basis::new(strata.iter().map(Vec::as_slice));
                for term in &self.terms {
                    let shares = term.columns_where(|_, _| true, true);
                    for column in &shares {
                        for slope in &slopes {
                            smaller.extend([&product(slope, column)[..]]);
                        }
                    }
                }
                let cubes = powers(&vec![1.0; size.len()], &size, 3);
                Question {
                    variable: name.to_owned(),
                    inside: None,
                    per: "network",
                    smaller,
                    added: cubes,
                }
            })
            .collect()
    }

    /// One row of features per architecture, for regression of any form: the
    /// logarithms of depth and width, and per variable its mean over blocks
    /// (kinds: the share of each).
    pub fn features(&self) -> Vec<Vec<f64>> {
        let mut columns = vec![logs(&self.depth), logs(&self.width)];
        for term in &self.terms {
            match &term.levels {
                Levels::Names(_) => columns.extend(term.columns_where(|_, _| true, true)),
                Levels::Numbers(_) => {
                    let mean = |levels: &Vec<usize>| {
                        let sum: f64 = levels.iter().map(|&l| term.levels.number(l)).sum();
                        sum / levels.len().max(1) as f64
                    };
                    columns.push(term.values.iter().map(mean).collect());
                }
            }
        }
        (0..self.depth.len())
            .map(|i| columns.iter().map(|column| column[i]).collect())
            .collect()
    }

    /// The numbers that may move together, by name; those of blocks as their sum.
    pub fn named_features(&self) -> Vec<(String, Column)> {
        let mut columns = vec![
            (self.depth_name.to_owned(), self.depth.clone()),
            (self.width_name.to_owned(), self.width.clone()),
        ];
        let numbers = self.terms.iter().filter_map(|term| match &term.levels {
            Levels::Names(_) => None,
            Levels::Numbers(numbers) => {
                let sum = |levels: &Vec<usize>| levels.iter().map(|&l| numbers[l]).sum::<f64>();
                let name = match term.per_block {
                    true => format!("sum of {}", term.name),
                    false => term.name.to_owned(),
                };
                Some((name, term.values.iter().map(sum).collect()))
            }
        });
        columns.extend(numbers);
        columns
    }
}

fn summary(term: &Term) -> Summary {
    let levels = &term.levels;
    let range = match levels.len() {
        0 => Vec::new(),
        few if few <= 2 * FEW => (0..few).map(|level| levels.name(level)).collect(),
        many => vec![levels.name(0), levels.name(many - 1)],
    };
    Summary {
        name: term.name.to_owned(),
        per: if term.per_block { "block" } else { "network" },
        kind: match levels {
            Levels::Numbers(_) => "numeric",
            Levels::Names(_) => "categorical",
        },
        values: levels.len(),
        range,
        untested: (levels.len() < 2).then_some("does not vary"),
    }
}

/// All products of powers of `a` and `b` of degree up to `degree`; those that
/// coincide are dropped with the basis.
fn powers(a: &[f64], b: &[f64], degree: i32) -> Vec<Column> {
    let degrees = (0..=degree).flat_map(|i| (0..=degree - i).map(move |j| (i, j)));
    degrees
        .map(|(i, j)| {
            let both = a.iter().zip(b);
            both.map(|(a, b)| a.powi(i) * b.powi(j)).collect()
        })
        .collect()
}

fn product(a: &[f64], b: &[f64]) -> Column {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

fn logs(sizes: &[f64]) -> Column {
    standardised(sizes.iter().map(|size| size.max(1.0).ln()).collect())
}

/// With mean 0 and standard deviation 1; a constant becomes 0.
fn standardised(mut column: Column) -> Column {
    let n = column.len() as f64;
    let mean = column.iter().sum::<f64>() / n;
    let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    let deviation = if variance > 1e-20 {
        variance.sqrt()
    } else {
        f64::INFINITY
    };
    column.iter_mut().for_each(|x| *x = (*x - mean) / deviation);
    column
}
