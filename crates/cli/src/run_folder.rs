//! The folder of one search: its configuration, a journal of what became of
//! every formula, the front so far, and in the end its report.
//!
//! A search is a function of its configuration, and of the clock where its
//! budget is a time. So a run that was interrupted, however it was, is continued
//! by searching again from the configuration, with the traces that the cache
//! holds and the outcomes that the journal holds, and ends with the same report.

use std::path::Path;

use anyhow::Result;
use lpzero::Proxy;
use lpzero::search::Journal;
use lpzero::search::exhaustive::Aggregate;
use serde::{Deserialize, Serialize};

use super::arguments::{
    BudgetArgument, FitnessArgument, GrammarArgument, MethodArgument, PassArguments, Search,
    SplitArgument, TruthsArguments,
};
use super::failure::Failure;
use super::folder::{CONFIGURATION, Folder};
use super::output::Reporter;
use super::saved;
use super::session::{absolute_pass, absolute_truth, failed};

pub const REPORT: &str = "report.json";
pub const FRONT: &str = "front.json";
const JOURNAL: &str = "journal";

/// Everything that a search is a function of, as kept in its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Of the folder's layout.
    version: u32,
    pub seed: u64,
    pub truth: TruthsArguments,
    pub pass: PassArguments,
    pub method: MethodArgument,
    pub fitness: FitnessArgument,
    pub splits: Vec<SplitArgument>,
    pub budget: Option<BudgetArgument>,
    pub grammar: GrammarArgument,
    pub n_unary: u8,
    /// One by one, also where all were asked for.
    pub aggregates: Vec<Aggregate>,
    /// Formulas, also where a run was named: that may change.
    pub from: Vec<String>,
    pub template: Option<String>,
    pub rules: bool,
    pub prediction: bool,
    pub powers: bool,
}

const VERSION: u32 = 4;

/// The paper's default.
const DEFAULT_UNARY: u8 = 2;

impl Configuration {
    /// The configuration that the command line describes.
    ///
    /// # Errors
    /// What a search should start from is neither a formula nor a run, or an aggregate
    /// is none.
    pub fn of(seed: u64, arguments: &Search) -> Result<Self> {
        let mut truth = arguments.truth.clone();
        truth.truths = truth.truths.into_iter().map(absolute_truth).collect();
        Ok(Self {
            version: VERSION,
            seed,
            truth,
            pass: absolute_pass(arguments.pass.clone()),
            method: arguments.method,
            fitness: arguments.fitness,
            splits: arguments.splits.clone(),
            budget: arguments.budget,
            grammar: arguments.grammar,
            n_unary: arguments.n_unary.unwrap_or(DEFAULT_UNARY),
            aggregates: aggregates(&arguments.aggregates)?,
            from: starts(&arguments.from)?,
            template: arguments.template.clone(),
            rules: !arguments.no_rules,
            prediction: !arguments.no_prediction,
            powers: arguments.powers,
        })
    }
}

/// The aggregates that `--aggregate` names: the paper's where it names none.
fn aggregates(texts: &[String]) -> Result<Vec<Aggregate>> {
    let mut aggregates = Vec::new();
    for text in texts {
        let named = match &text[..] {
            "all" => Aggregate::all(),
            text => vec![Aggregate::parse(text).map_err(|error| failed(error.into()))?],
        };
        for aggregate in named {
            if !aggregates.contains(&aggregate) {
                aggregates.push(aggregate);
            }
        }
    }
    if aggregates.is_empty() {
        aggregates.push(Aggregate::PAPER);
    }
    Ok(aggregates)
}

/// The formulas that `--from` names.
fn starts(texts: &[String]) -> Result<Vec<String>> {
    let mut formulas: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        let path = Path::new(text);
        let named = match Proxy::parse(text) {
            Ok(_) if formulas.contains(text) => {
                return Err(Failure::input(format_args!("--from {text}: given twice")));
            }
            Ok(proxy) if proxy.formula.needs_whole_tensors() => {
                return Err(Failure::input(format_args!(
                    "--from {text}: needs whole tensors or a further pass, and a search reads \
                     traces; expected a formula over what traces hold"
                )));
            }
            Ok(_) => vec![text.clone()],
            Err(_) if path.is_dir() => saved::front(path)?,
            Err(error) => return Err(failed(error)),
        };
        for formula in named {
            if !formulas.contains(&formula) {
                formulas.push(formula);
            }
        }
    }
    Ok(formulas)
}

/// The folder of one search.
pub struct RunFolder(Folder);

impl RunFolder {
    /// A new folder; one that exists already is never touched.
    pub fn create(path: &Path, configuration: &Configuration) -> Result<Self> {
        Ok(Self(Folder::create(path, configuration)?))
    }

    /// The folder of a run that was started before.
    pub fn open(path: &Path) -> Result<(Configuration, Self)> {
        let (configuration, folder) = Folder::open::<Configuration>(path, "a search")?;
        if configuration.version != VERSION {
            return Err(Failure::input(format_args!(
                "--resume {}: version {}; expected {VERSION}",
                path.join(CONFIGURATION).display(),
                configuration.version
            )));
        }
        Ok((configuration, Self(folder)))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn is_finished(&self) -> bool {
        self.path().join(REPORT).exists()
    }

    /// The journal of the search, ready to be continued.
    pub fn journal(&self, report: Reporter) -> Result<Journal> {
        let opened = Journal::open(&self.path().join(JOURNAL));
        let (journal, torn) =
            opened.map_err(|error| failed(lpzero::search::Error::from(error).into()))?;
        if let Some(torn) = torn {
            report.warn(torn);
        }
        if journal.batches_left() > 0 {
            report.note(format_args!(
                "continuing after {} recorded batches",
                journal.batches_left()
            ));
        }
        Ok(journal)
    }

    /// Keeps the front as it is now.
    pub fn keep_front(&self, front: &impl Serialize) -> Result<()> {
        self.0.write(FRONT, front)
    }

    /// Keeps the report; the run is finished.
    pub fn finish(&self, report: &impl Serialize) -> Result<()> {
        self.0.write(REPORT, report)
    }

    /// Removes the folder again where the input was wrong, so that the corrected
    /// command can use the same name. Whatever else went wrong, the run can be
    /// resumed.
    pub fn discard(self) {
        self.0.discard(&[JOURNAL, FRONT]);
    }
}
