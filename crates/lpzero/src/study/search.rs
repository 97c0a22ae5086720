//! Searching the ground truths of a study for a proxy.

use std::time::Instant;

use lpzero_proxy::Node;
use lpzero_run::{ContentHash, Hasher};
use lpzero_search::{Control, Snapshot};
use lpzero_search::{Journal, LeftOutReport, Method, Report, Settings};
use lpzero_stats::Split;
use lpzero_truth::GroundTruth;
use serde::{Deserialize, Serialize};

use super::Study;
use crate::finding::{Finder, TracedTruth, judge};
use crate::subjects::Subjects;
use crate::{Error, Networks, Proxy, Size, Watch, Withheld, split, unfitted_proxies};

/// What is searched where no ground truth is named: real decoders, of sizes that take a
/// minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DefaultSearch {
    /// The ground truth.
    pub truth: &'static str,
    /// The ground truth that is held out.
    pub held_out: &'static str,
    /// Parameters up to which networks take part: searched, tested, held out.
    pub up_to: [f64; 3],
}

/// The search of whoever asks for nothing.
pub const DEFAULT_SEARCH: DefaultSearch = DefaultSearch {
    truth: "openlm",
    held_out: "gemstones",
    up_to: [50e6, 80e6, 107e6],
};

/// How to search. The default is genetic programming with LPZero's settings, from the
/// named proxies, on splits of sensible size.
#[derive(Clone, Debug, Default)]
pub struct SearchOptions {
    /// How formulas are found.
    pub method: Method,
    /// Settings of the method. Their seed draws the splits, too.
    pub settings: Settings,
    /// Which architectures are searched on, selected with and tested on.
    pub splits: Splits,
    /// Formulas to start from; all named proxies that were not themselves chosen on a
    /// ground truth, where there are none.
    pub start: Option<Vec<Node>>,
    /// Inputs that formulas are not made of.
    pub withheld: Withheld,
    /// Further initialisations of every network, which a search for what carries over
    /// judges by, too.
    pub further_inits: u32,
    /// Whether some networks are run again with what must not matter changed
    /// ([`VARIATIONS`](crate::variation::VARIATIONS)): a search for what carries over
    /// then passes formulas over whose ranking moves with it.
    pub vary: bool,
    /// Size by which networks are alike; [`Settings::tolerance`] says how like.
    pub size: Size,
}

/// The splits of the ground truths of a study.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Splits {
    /// [`SplitSizes::sensible`] of every ground truth; [`Whole`](Self::Whole) where a
    /// search is for what carries over.
    #[default]
    Sensible,
    /// All architectures are searched on, none is left for a test.
    Whole,
    /// Architectures of at most so many parameters are searched on, larger ones are the
    /// test.
    UpTo(f64),
    /// Drawn by the seed: one size for all ground truths, or one for each.
    Sizes(Vec<SplitSizes>),
    /// Drawn already, one for each.
    Drawn(Vec<Split>),
}

/// How many architectures are searched on and selected with; the others are the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSizes {
    /// Architectures on which fitness is measured.
    pub search: usize,
    /// Architectures with which the winner is chosen, beside those.
    pub validation: usize,
}

impl SplitSizes {
    /// 100 and 50 architectures, or two and one fifths of a small ground truth.
    pub fn sensible(architectures: usize) -> Self {
        Self {
            search: (2 * architectures / 5).min(100),
            validation: (architectures / 5).min(50),
        }
    }

    /// Draws the split of a ground truth by the seed, equal networks in one part.
    ///
    /// # Errors
    ///
    /// A ground truth that is too small for it.
    pub fn draw(self, truth: &GroundTruth, seed: u64) -> Result<Split, Error> {
        split(truth, self.search, self.validation, seed)
    }
}

/// Places where a search keeps results while it runs; none, by default.
#[derive(Default)]
pub struct Keeping<'a> {
    /// Where outcomes are recorded and taken from, so that the search survives its
    /// process.
    pub journal: Option<&'a mut Journal>,
    /// Sees what there is so far, after every iteration.
    pub archive: Option<&'a mut dyn FnMut(&Snapshot<'_>)>,
    /// Hash of what the report follows from beside the study, such as
    /// [`Study::inputs`] of ground truths that are held out. The journal is bound to it.
    pub beside: Option<ContentHash>,
}

/// Result of a search, and where its time went. Serialised, it is the JSON document
/// of `lpzero search`.
#[derive(Clone, Debug, Serialize)]
pub struct SearchReport {
    /// Names of the ground truths, joined by ` + `.
    pub truth: String,
    /// The reading of their architectures, where the layout leaves a choice.
    pub reading: Option<String>,
    /// Number of architectures.
    pub n: usize,
    /// The formula, and how good it is on each split.
    #[serde(flatten)]
    pub report: Report,
    /// The formula on ground truths that took no part in anything else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_out: Vec<LeftOutReport>,
    /// Where the time went.
    pub seconds: SearchSeconds,
}

/// Where the time of a search went.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SearchSeconds {
    /// Running the networks, or reading their traces.
    pub trace: f64,
    /// Searching, exact scores included.
    pub search: f64,
    /// Both.
    pub total: f64,
    /// Rate of a search of the whole space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formulas_per_second: Option<f64>,
}

impl Study {
    /// A split of every ground truth, as the options ask for them.
    ///
    /// # Errors
    ///
    /// Sizes or splits for another number of ground truths, and a ground truth that is
    /// too small.
    pub fn splits(&self, options: &SearchOptions) -> Result<Vec<Split>, Error> {
        let expected = self.truths.len();
        let given = match &options.splits {
            Splits::Sensible | Splits::Whole | Splits::UpTo(_) => 1,
            Splits::Sizes(sizes) => sizes.len(),
            Splits::Drawn(splits) => splits.len(),
        };
        let one_for_all = given == 1 && !matches!(options.splits, Splits::Drawn(_));
        if given != expected && !one_for_all {
            return Err(Error::Splits { given, expected });
        }
        let split = |(i, truth): (usize, &GroundTruth)| match &options.splits {
            Splits::Whole => Ok(up_to(truth, f64::INFINITY)),
            Splits::Sensible if options.method == Method::Transfer => {
                Ok(up_to(truth, f64::INFINITY))
            }
            Splits::UpTo(parameters) => Ok(up_to(truth, *parameters)),
            Splits::Sensible => {
                let sizes = SplitSizes::sensible(truth.entries.len());
                sizes.draw(truth, options.settings.seed)
            }
            Splits::Sizes(sizes) => {
                let sizes = sizes.get(i).unwrap_or(&sizes[0]);
                sizes.draw(truth, options.settings.seed)
            }
            Splits::Drawn(splits) => Ok(splits[i].clone()),
        };
        self.truths.iter().enumerate().map(split).collect()
    }

    /// Searches one part of each ground truth for a proxy, selects with another, and
    /// tests the winner once on the rest. Of several ground truths, the formula is
    /// wanted that does best on the one on which it does worst.
    ///
    /// # Errors
    ///
    /// Options out of range, networks that cannot be run, a ground truth on which
    /// nothing can be ranked, and [`Error::SearchInterrupted`].
    pub fn search(&self, options: &SearchOptions) -> Result<SearchReport, Error> {
        self.search_keeping(options, Keeping::default())
    }

    /// [`search`](Self::search) that leaves something while it runs.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), and what the journal says.
    pub fn search_keeping(
        &self,
        options: &SearchOptions,
        keeping: Keeping<'_>,
    ) -> Result<SearchReport, Error> {
        let start = Instant::now();
        let splits = self.splits(options)?;
        self.traces()?;
        self.further(options.further_inits, &splits)?;
        if options.vary {
            self.varied()?;
        }
        let traced = start.elapsed();
        let report = self.find(options, &splits, keeping, self.workbench.watch())?;
        let total = start.elapsed();
        let searched = (total - traced).as_secs_f64();
        let space = report.space.as_ref();
        let names: Vec<&str> = self.truths.iter().map(|truth| &truth.name[..]).collect();
        let mut readings = self.truths.iter().filter_map(|truth| truth.reading);
        Ok(SearchReport {
            truth: names.join(" + "),
            reading: readings.next().map(|reading| reading.to_string()),
            n: self.truths.iter().map(|truth| truth.entries.len()).sum(),
            seconds: SearchSeconds {
                trace: traced.as_secs_f64(),
                search: searched,
                total: total.as_secs_f64(),
                formulas_per_second: space.map(|space| (space.measured as f64 / searched).round()),
            },
            report,
            held_out: Vec::new(),
        })
    }

    /// How the formula of a search does on the ground truths of this study, none of which
    /// took part in it.
    ///
    /// # Errors
    ///
    /// Networks that cannot be run, and a formula that is not finite on one.
    pub fn hold_out(
        &self,
        found: &Report,
        options: &SearchOptions,
    ) -> Result<Vec<LeftOutReport>, Error> {
        let with = (&options.settings, options.size);
        let formula = Proxy::parse(&found.best.formula)?.formula;
        let counts = found.counts.best.as_deref().map(Proxy::parse).transpose()?;
        let counts = counts.map(|proxy| proxy.formula);
        let truths = self.truths.iter().zip(self.traces()?);
        let judged = truths
            .map(|(truth, traces)| judge(&truth.into(), traces, (&formula, counts.as_ref()), with));
        judged.collect()
    }

    /// Searches on splits that are drawn, before `watch`.
    pub(super) fn find(
        &self,
        options: &SearchOptions,
        splits: &[Split],
        keeping: Keeping<'_>,
        watch: &Watch,
    ) -> Result<Report, Error> {
        let traces = self.traces()?;
        let task = watch.task("searching");
        let Keeping {
            mut journal,
            mut archive,
            beside,
        } = keeping;
        if let Some(journal) = &mut journal {
            let inputs = self.inputs();
            journal.bind(match beside {
                Some(beside) => {
                    let mut hasher = Hasher::new();
                    hasher.update(inputs.as_bytes()).update(beside.as_bytes());
                    hasher.finish()
                }
                None => inputs,
            });
        }
        let mut progress = |progress: Snapshot<'_>| {
            if let Some(archive) = &mut archive {
                archive(&progress);
            }
            task.at(progress.spent, &detail(&progress));
        };
        let mut control = Control {
            pool: self.workbench.pool(),
            cancel: watch.flag(),
            progress: &mut progress,
            journal,
        };
        let further = self.further(options.further_inits, splits)?;
        let varied = match options.vary {
            true => self.varied()?,
            false => &[],
        };
        let varied = varied.iter().map(Some).chain(std::iter::repeat(None));
        let subjects: Vec<Subjects> = self.truths.iter().map(Subjects::from).collect();
        let truths = subjects.iter().zip(traces).zip(splits).zip(&further);
        let truths = truths.zip(varied);
        let truths = truths.map(
            |((((subjects, traces), split), further), varied)| TracedTruth {
                subjects,
                traces,
                further,
                varied,
                split,
            },
        );
        let finder = Finder {
            truths: &truths.collect::<Vec<_>>(),
            seeds: &options.start.clone().unwrap_or_else(unfitted_proxies),
            settings: &options.settings,
            size: options.size,
            withheld: &options.withheld,
        };
        let mut exact = |truth: usize, formulas: &[Node]| {
            let networks = Networks::from(&self.truths[truth]);
            let proxies: Vec<Proxy> = formulas.iter().cloned().map(Proxy::from).collect();
            let task = watch.task("scoring the best on whole tensors");
            let progress = |progress| task.passes(progress);
            (self.workbench).exact_scores_telling(&networks, &proxies, &progress)
        };
        let report = finder.find(options.method, &mut control, Some(&mut exact));
        // A journal that fails is said, also where the search was stopped.
        if watch.is_cancelled() && !matches!(&report, Err(error) if error.is_journal()) {
            return Err(Error::SearchInterrupted {
                report: report.ok().map(Box::new),
            });
        }
        report
    }
}

/// Architectures of at most so many parameters to search on, the others to test on.
fn up_to(truth: &GroundTruth, parameters: f64) -> Split {
    let fits = |&index: &usize| Size::Params.of(&truth.entries[index].architecture) <= parameters;
    let (search, test) = (0..truth.entries.len()).partition(fits);
    Split {
        search,
        validation: Vec::new(),
        test,
    }
}

/// How far a search is, for people.
pub(super) fn detail(progress: &Snapshot<'_>) -> String {
    let formula = progress.formula.map(ToString::to_string);
    let formula: String = formula.unwrap_or_default().chars().take(60).collect();
    format!(
        "{} formulas, best fitness {:.3}  {}{formula}",
        progress.evaluated, progress.best, progress.part
    )
}
