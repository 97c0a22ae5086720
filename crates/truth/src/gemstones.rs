//! Gemstones (McLeish et al. 2025, arXiv 2502.06857): 22 shapes of decoders, each with a
//! loss and nine downstream tasks at 35 budgets of tokens.
//!
//! Losses stand in a file of JSON Lines, a checkpoint a line. Accuracies stand beside it
//! in `light_eval.csv`, where that was fetched too.

use std::collections::HashMap;
use std::path::Path;

use lpzero_arch::{Activation, Document, Family, Place, Problem};

use crate::TableOptions;
use crate::columns::Columns;
use crate::decoder::Decoder;
use crate::error::Error;
use crate::table::read_text;
use crate::tokens::{Tokens, nearest};
use crate::truth::{Entry, GroundTruth};

const NAME: &str = "gemstones";
const LOSS: &str = "loss";
/// A key that no other table of checkpoints has.
const MARK: &str = "\"params_active_precise\"";
const TASKS_FILE: &str = "light_eval.csv";

/// Names of the nine tasks here and in `light_eval.csv`.
const TASKS: [(&str, &str); 9] = [
    ("arc_challenge", "arc:challenge"),
    ("arc_easy", "arc:easy"),
    ("commonsense_qa", "commonsense_qa"),
    ("hellaswag", "hellaswag"),
    ("mmlu", "mmlu"),
    ("openbookqa", "openbookqa"),
    ("piqa", "piqa"),
    ("siqa", "siqa"),
    ("winogrande", "winogrande"),
];

/// Mean accuracy of the seven tasks that are called commonsense reasoning.
const COMMONSENSE: (&str, [&str; 7]) = (
    "commonsense",
    [
        "arc_challenge",
        "arc_easy",
        "hellaswag",
        "openbookqa",
        "piqa",
        "siqa",
        "winogrande",
    ],
);

/// A network after some tokens of its training.
struct Checkpoint {
    width: usize,
    blocks: usize,
    tokens: u64,
    /// Loss, then the tasks in their order; NaN where nothing is known.
    values: Vec<f64>,
}

impl Checkpoint {
    fn id(&self) -> String {
        format!("{}x{}", self.width, self.blocks)
    }

    /// The network: heads of 128, half as many of keys and values, a gate of four widths.
    fn decoder(&self) -> Decoder {
        let heads = (self.width / 128).max(1);
        Decoder {
            vocabulary: 50_304,
            positions: 2048,
            width: self.width,
            blocks: self.blocks,
            heads,
            key_value_heads: (heads / 2).max(1),
            head_width: 128,
            hidden: 4 * self.width,
            activation: Activation::GeluTanh,
            scaled_embedding: true,
        }
    }

    /// What a column says, larger being better; NaN where it says nothing.
    fn score(&self, column: &str) -> f64 {
        let task = |name: &str| {
            let place = TASKS.iter().position(|(task, _)| *task == name);
            place.map_or(f64::NAN, |place| self.values[1 + place])
        };
        match column {
            LOSS => -self.values[0],
            name if name == COMMONSENSE.0 => {
                let tasks = COMMONSENSE.1.map(task);
                tasks.iter().sum::<f64>() / tasks.len() as f64
            }
            name => task(name),
        }
    }
}

/// Whether the text is the published file.
pub(crate) fn is_published(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.contains(MARK))
}

/// Reads the published file, and the accuracies beside it.
pub(crate) fn read(
    path: &Path,
    text: &str,
    options: &TableOptions,
    tokens: Option<Tokens>,
) -> Result<GroundTruth, Error> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let mut checkpoints = lines
        .map(|(number, line)| read_line(path, number + 1, line))
        .collect::<Result<Vec<_>, Error>>()?;
    let beside = path.with_file_name(TASKS_FILE);
    if beside.exists() {
        add_tasks(&mut checkpoints, &beside)?;
    }
    let checkpoints: Vec<Checkpoint> = checkpoints.into_iter().map(|(found, _)| found).collect();
    truth(path, &checkpoints, options, tokens)
}

/// A checkpoint and its step.
fn read_line(path: &Path, number: usize, line: &str) -> Result<(Checkpoint, u64), Error> {
    let document = Document::parse_json(path, line)?;
    let record = document.root().as_record(format!("line {number}"));
    let size = |key: &str| record.get(key, "a size")?.size();
    let loss = record.get("final_loss", "a loss in nats")?.number()?;
    let mut values = vec![f64::NAN; 1 + TASKS.len()];
    values[0] = loss;
    let checkpoint = Checkpoint {
        width: size("width")?,
        blocks: size("depth")?,
        tokens: size("tokens")? as u64,
        values,
    };
    Ok((checkpoint, size("step")? as u64))
}

/// Adds accuracies by shape and step; `main` is the last step of its shape.
fn add_tasks(checkpoints: &mut [(Checkpoint, u64)], path: &Path) -> Result<(), Error> {
    let text = read_text(path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let place = |key: &str| Place {
        file: path.to_owned(),
        record: None,
        key: key.to_owned(),
    };
    let wrong = |error: csv::Error| place("").error(Problem::Malformed(error.to_string()));
    let header = reader.headers().map_err(wrong)?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.ok_or_else(|| {
            place(name).error(Problem::Missing {
                expected: "a column".into(),
            })
        })
    };
    let id = column("checkpoint")?;
    let tasks = TASKS.iter().map(|(_, name)| column(name));
    let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
    let mut known = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let cell = |column: &usize| record.get(*column).unwrap_or_default();
        let accuracies = tasks
            .iter()
            .map(|task| cell(task).parse().unwrap_or(f64::NAN));
        known.insert(cell(&id).to_owned(), accuracies.collect::<Vec<f64>>());
    }
    let mut last: HashMap<String, u64> = HashMap::new();
    for (checkpoint, step) in checkpoints.iter() {
        let last = last.entry(checkpoint.id()).or_default();
        *last = (*last).max(*step);
    }
    for (checkpoint, step) in checkpoints {
        let id = checkpoint.id();
        let is_last = last.get(&id) == Some(step);
        let at_step = known.get(&format!("Gemstone-{id}-step_{step:08}"));
        let at_end = || {
            known
                .get(&format!("Gemstone-{id}-main"))
                .filter(|_| is_last)
        };
        if let Some(accuracies) = at_step.or_else(at_end) {
            checkpoint.values[1..].copy_from_slice(accuracies);
        }
    }
    Ok(())
}

/// Reads the table that is built in.
pub(crate) fn read_built_in(
    text: &str,
    options: &TableOptions,
    tokens: Option<Tokens>,
) -> Result<GroundTruth, Error> {
    let columns = Columns::parse(text);
    let row = |row: &Vec<f64>| {
        let names = std::iter::once(LOSS).chain(TASKS.iter().map(|(name, _)| *name));
        Checkpoint {
            width: columns.get(row, "width") as usize,
            blocks: columns.get(row, "blocks") as usize,
            tokens: columns.get(row, "tokens") as u64,
            values: names.map(|name| columns.get(row, name)).collect(),
        }
    };
    let checkpoints: Vec<Checkpoint> = columns.rows.iter().map(row).collect();
    truth(Path::new(NAME), &checkpoints, options, tokens)
}

/// The ground truth of one budget and one column.
fn truth(
    path: &Path,
    checkpoints: &[Checkpoint],
    options: &TableOptions,
    asked: Option<Tokens>,
) -> Result<GroundTruth, Error> {
    let budgets = checkpoints.iter().map(|checkpoint| checkpoint.tokens);
    let tokens = nearest(path, budgets, asked)?;
    let column = options.score_column.as_deref().unwrap_or(LOSS);
    let tasks = TASKS.iter().map(|(name, _)| *name);
    let names: Vec<&str> = [LOSS, COMMONSENSE.0].into_iter().chain(tasks).collect();
    if !names.contains(&column) {
        return Err(Error::Column {
            path: path.to_owned(),
            what: format!("no column {column:?}"),
            columns: names.join(", "),
        });
    }
    let mut entries = Vec::new();
    for checkpoint in checkpoints.iter().filter(|found| found.tokens == tokens) {
        let place = || Place {
            file: path.to_owned(),
            record: Some(checkpoint.id()),
            key: column.to_owned(),
        };
        let score = checkpoint.score(column);
        if !score.is_finite() {
            let expected = format!("a number (of tasks, {TASKS_FILE} beside the file)");
            return Err(place().error(Problem::Missing { expected }).into());
        }
        let architecture = checkpoint.decoder().architecture();
        (architecture.validate()).map_err(|invalid| place().invalid(invalid))?;
        entries.push(Entry {
            id: checkpoint.id(),
            architecture,
            score,
            trainings: Vec::new(),
        });
    }
    Ok(GroundTruth {
        name: match asked {
            Some(_) => format!("{NAME}@{}", Tokens(tokens)),
            None => NAME.to_owned(),
        },
        path: path.to_owned(),
        metric: column.to_owned(),
        lower_is_better: column == LOSS,
        reading: None,
        family: Family::General,
        provenance: None,
        remarks: Vec::new(),
        entries,
    })
}
