//! Everything that a search is a function of, validated, as its folder keeps it.

use std::path::Path;

use anyhow::Result;
use lpzero::saved::front_of;
use lpzero::search::exhaustive::Aggregate;
use lpzero::search::generate::Grammar;
use lpzero::search::template::Template;
use lpzero::search::{Budget, Criterion, Method, Settings};
use lpzero::truth::{GroundTruth, TruthSource};
use lpzero::{DEFAULT_SEARCH, Like, Proxy, SearchOptions, SplitSizes, Splits, Study};
use serde::{Deserialize, Serialize};

use crate::arguments::{GrammarArgument, MethodArgument, Search};
use crate::failure::{Failure, failed};
use crate::session::Session;
use crate::settings::{PassSettings, absolute_source, named_source, read_truth, truth_sources};

/// Layout of a search's folder.
pub const VERSION: u32 = 7;

/// Unary operations per branch, as in the paper.
const DEFAULT_UNARY: u8 = 2;

/// Everything that a search is a function of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchSettings {
    pub version: u32,
    pub seed: u64,
    /// Seed of weights and minibatches.
    pub init_seed: u64,
    truths: Vec<TruthSource>,
    hold_out: Vec<TruthSource>,
    /// Sizes up to which networks are searched on, tested on and held out; none for all.
    up_to: Option<[f64; 3]>,
    like: Like,
    pass: PassSettings,
    method: Method,
    fitness: Criterion,
    /// One for all ground truths or one for each; none where the default is meant.
    splits: Vec<SplitSizes>,
    budget: Option<Budget>,
    grammar: Grammar,
    /// One by one, also where all were asked for.
    aggregates: Vec<Aggregate>,
    /// Formulas, also where a run was named: that may change.
    from: Vec<String>,
    template: Option<String>,
    rules: bool,
    prediction: bool,
    powers: bool,
}

impl SearchSettings {
    /// The search that the command line describes.
    ///
    /// # Errors
    /// Options that contradict each other; what a search should start from is neither a
    /// formula nor a run; an aggregate is none.
    pub fn new(seed: u64, arguments: &Search) -> Result<Self> {
        if let Some((option, reason)) = arguments.idle_option() {
            return Err(Failure::input(format_args!("{option}: {reason}")));
        }
        let method = arguments.method();
        let paper = arguments.grammar == Some(GrammarArgument::Paper)
            || method == MethodArgument::Exhaustive;
        // The method and the ground truths that suit whoever asks for nothing.
        let of_default = arguments.truth.truths.is_empty() && method == MethodArgument::Transfer;
        let mut held_out = arguments.hold_out.clone();
        if of_default && held_out.is_empty() {
            held_out.push(DEFAULT_SEARCH.held_out.into());
        }
        Ok(Self {
            version: VERSION,
            seed,
            init_seed: arguments.init_seed.unwrap_or(seed),
            hold_out: (held_out.iter())
                .map(|path| absolute_source(named_source(path, &arguments.truth.layout)))
                .collect(),
            up_to: (of_default && !arguments.full).then_some(DEFAULT_SEARCH.up_to),
            like: arguments.like.into(),
            truths: (truth_sources(&arguments.truth).into_iter())
                .map(absolute_source)
                .collect(),
            pass: PassSettings::new(&arguments.pass)?,
            method: method.into(),
            fitness: arguments.fitness().into(),
            splits: arguments
                .splits
                .iter()
                .map(|split| (*split).into())
                .collect(),
            budget: arguments.budget.map(Budget::from),
            grammar: match paper {
                true => Grammar::Paper {
                    unary: arguments.n_unary.unwrap_or(DEFAULT_UNARY).into(),
                },
                false => Grammar::Aggregates,
            },
            aggregates: aggregates(&arguments.aggregates)?,
            from: starts(&arguments.from)?,
            template: arguments.template.clone(),
            rules: !arguments.no_rules,
            prediction: !arguments.no_prediction,
            powers: arguments.powers,
        })
    }

    /// Whether the search is made of pieces that do not hang on each other.
    pub fn is_of_pieces(&self) -> bool {
        self.method == Method::Exhaustive
    }

    /// Reads the ground truths.
    pub fn study(&self, session: &Session) -> Result<Study> {
        let [_, tested, _] = self.up_to.unwrap_or([f64::INFINITY; 3]);
        self.study_of(session, &self.truths, tested)
    }

    /// The ground truths that are held out, ready to be run; none where there are none.
    pub fn held_out(&self, session: &Session) -> Result<Option<Study>> {
        let [_, _, up_to] = self.up_to.unwrap_or([f64::INFINITY; 3]);
        let study = || self.study_of(session, &self.hold_out, up_to);
        (!self.hold_out.is_empty()).then(study).transpose()
    }

    /// Reads ground truths, up to a size.
    fn study_of(&self, session: &Session, sources: &[TruthSource], up_to: f64) -> Result<Study> {
        let read = |source| {
            let mut truth = read_truth(source, session.report)?;
            let left_out = truth.keep_up_to(up_to);
            if left_out > 0 {
                session.report.note(format_args!(
                    "{}: {left_out} networks of more than {:.0}M parameters are left out; \
                     --full takes all",
                    truth.name,
                    up_to / 1e6
                ));
            }
            Ok(truth)
        };
        let truths: Vec<GroundTruth> = sources.iter().map(read).collect::<Result<_>>()?;
        let networks = truths.iter().flat_map(|truth| &truth.entries);
        let networks = networks.map(|entry| &entry.architecture);
        let workbench = session.workbench_seeded(&self.pass, self.init_seed, networks)?;
        Ok(Study::new(truths, workbench))
    }

    /// How the library is to search.
    pub fn options(&self) -> Result<SearchOptions> {
        let template = self.template.as_deref().map(Template::parse);
        let template = template.transpose().map_err(|error| failed(error.into()))?;
        let start = self.from.iter().map(|text| {
            let proxy = Proxy::parse(text).map_err(failed)?;
            Ok(proxy.formula)
        });
        let start = start.collect::<Result<Vec<_>>>()?;
        Ok(SearchOptions {
            method: self.method,
            settings: Settings {
                seed: self.seed,
                budget: self.budget.unwrap_or(Settings::default().budget),
                fitness: self.fitness,
                tolerance: self.like.tolerance,
                grammar: self.grammar,
                aggregates: self.aggregates.clone(),
                template,
                rules: self.rules,
                prediction: self.prediction,
                powers: self.powers,
                ..Settings::default()
            },
            further_inits: (self.method == Method::Transfer).into(),
            vary: self.method == Method::Transfer,
            size: self.like.size,
            splits: match &self.splits[..] {
                [] if self.up_to.is_some() => Splits::UpTo(
                    self.up_to
                        .map_or(f64::INFINITY, |[searched, _, _]| searched),
                ),
                [] => Splits::Sensible,
                sizes => Splits::Sizes(sizes.to_vec()),
            },
            start: (!start.is_empty()).then_some(start),
            ..SearchOptions::default()
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
                return Err(Failure::typed(format_args!(
                    "--from {text}: needs whole tensors or a further pass, and a search reads \
                     traces; expected a formula over what traces hold"
                )));
            }
            Ok(_) => vec![text.clone()],
            Err(_) if path.is_dir() => {
                front_of(path).map_err(|error| Failure::input(format_args!("--from {error}")))?
            }
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
