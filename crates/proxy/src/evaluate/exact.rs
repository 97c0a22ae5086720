//! Exact scores: formulas evaluated on whole tensors while a pass shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use lpzero_nn::{TensorRows, TensorView, Visitor, Wanted};
use lpzero_trace::{Moments, NetworkScalar, PairSums, ShapedMoment, ShapedSweep, Site, Symbol};

use super::moments::Tensor;
use super::plan::{Compiler, Need, Plan};
use super::site::{Layout, Machine, Sampling, Source};
use super::unit::Answer;
use crate::{Interner, Node, RoleSet, TypeError, check_score};

/// A visitor that gives one exact score per formula after one pass. Compiling
/// formulas is the expensive part of [`new`](Self::new): clone a fresh visitor for every pass.
///
/// It keeps a copy of a tensor only while a formula still waits for another
/// one at that site: reductions that follow from moments need no copy, and the
/// weights come together with their gradients. Formulas that mix tensors with
/// numbers of the whole network, as `W / sum(l2(W))` does, are evaluated after
/// the pass and keep theirs until then.
///
/// Everything is exact but matrix products of more than 256 columns, which are
/// taken over 256 evenly spaced ones.
///
/// ```
/// use lpzero_arch::{Document, Reading, flexibert};
/// use lpzero_nn::{Batch, Network, Objective};
/// use lpzero_proxy::{ExactVisitor, Trace, named, parse};
///
/// let config = r#"{"hidden_size": 128, "nas_config": {"encoder_layers": [
///     {"operation_type": "SA", "operation_parameter": "SDP", "num_operation_heads": 2,
///      "feed_forward_dimension": 512, "num_feed_forward": 1}]}}"#;
/// let document = Document::parse_json("example.json", config)?;
/// let encoder = flexibert::read(&document.root(), Reading::AsTrained)?;
/// let network = Network::seeded(&encoder, Objective::default_for(&encoder), 0)?;
/// let batch = Batch::zipf(encoder.vocabulary, 2, 16, 0);
///
/// let formulas = [parse("snip / params")?, parse("sum(mean(softmax(G)))")?];
/// let mut visitor = ExactVisitor::new(&formulas)?;
/// let loss = network.pass(&batch, &mut visitor)?;
/// let mut scalars = Trace::data_free(&encoder).scalars;
/// scalars[lpzero_proxy::NetworkScalar::Loss as usize] = loss;
/// let scores = visitor.finish(&scalars);
/// assert!(scores.iter().all(|score| score.is_finite()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ExactVisitor {
    pub(super) plans: Arc<[Plan]>,
    /// How each formula answers to the unit of synaptic flow.
    answers: Arc<[Option<Answer>]>,
    pub(super) jobs: Arc<[Job]>,
    stores: BTreeMap<Site, Store>,
    /// Per job, its values at the sites that are done.
    pub(super) values: Vec<Vec<(Site, f64)>>,
    /// Gradients of synaptic flow are in units of 2 to this power.
    unit: f64,
}

/// A site-level expression, and where some aggregate wants it.
pub(super) struct Job {
    roles: RoleSet,
    argument: Arc<Plan>,
    pub(super) needs: Vec<Need>,
    /// Which of the costly moments it reads.
    costly: Wanted,
}

/// Values known about one site so far.
#[derive(Clone, Default)]
struct Store {
    moments: Vec<(Tensor, Moments)>,
    shaped: Vec<(Symbol, ShapedMoment, f64)>,
    elements: Vec<(Symbol, Elements)>,
    /// The rows so far of a parameter that comes in blocks of them.
    rows: Option<Rows>,
    /// Jobs that wait for something at this site.
    pending: Vec<usize>,
}

/// Values taken of a parameter that comes in blocks of rows.
#[derive(Clone)]
struct Rows {
    sums: PairSums,
    shaped: Vec<(Symbol, ShapedMoment, ShapedSweep)>,
}

#[derive(Clone)]
struct Elements {
    rows: usize,
    last: usize,
    values: Vec<f32>,
}

impl ExactVisitor {
    /// Watches a pass for these formulas; an error if one is not a score.
    pub fn new(formulas: &[Node]) -> Result<Self, TypeError> {
        let mut compiler = Compiler {
            aggregate: &mut |_| None,
            reduction: &mut |_| None,
            slots: Interner::default(),
        };
        let mut plans = Vec::with_capacity(formulas.len());
        for formula in formulas {
            check_score(formula)?;
            plans.push(compiler.compile(formula)?);
        }
        let slots = compiler.slots.len();
        let mut jobs: Vec<Option<Job>> = Vec::new();
        jobs.resize_with(slots, || None);
        for plan in &plans {
            plan.for_each_sites(&mut |sites| {
                let job = jobs[sites.slot].get_or_insert_with(|| Job {
                    roles: sites.roles,
                    argument: Arc::clone(&sites.argument),
                    needs: sites.argument.needs(),
                    costly: sites.argument.costly(),
                });
                job.roles = job.roles.union(sites.roles);
            });
        }
        Ok(ExactVisitor {
            plans: plans.into(),
            answers: formulas.iter().map(Answer::of).collect(),
            unit: 0.0,
            values: vec![Vec::new(); slots],
            // Every slot was handed out to an aggregate of some plan.
            jobs: jobs.into_iter().flatten().collect(),
            stores: BTreeMap::new(),
        })
    }

    /// One score per formula after the pass, NaN where it is not finite.
    ///
    /// `scalars` are those of the network in the order of
    /// [`NetworkScalar::ALL`]; [`Trace::data_free`](lpzero_trace::Trace::data_free)
    /// has all of them but the loss, which the pass returned.
    pub fn finish(self, scalars: &[f64]) -> Vec<f64> {
        let scores = self.finish_telling(scalars).into_iter();
        scores.map(|score| score.unwrap_or(f64::NAN)).collect()
    }

    /// [`finish`](Self::finish), with the reason in place of a score that is not finite, as
    /// the end of a sentence.
    pub fn finish_telling(mut self, scalars: &[f64]) -> Vec<Result<f64, String>> {
        for values in &mut self.values {
            values.sort_by_key(|(site, _)| *site);
        }
        let source = Finished {
            scalars,
            stores: self.stores.into_iter().collect(),
            values: &self.values,
            jobs: &self.jobs,
        };
        let mut machine = Machine::new(&source);
        let unit = self.unit;
        let score = |(plan, answer): (&Plan, &Option<Answer>)| {
            let score = machine.network(plan);
            let score = match answer {
                _ if unit == 0.0 => score,
                Some(answer) => answer.in_units_of_one(score, unit),
                None => f64::NAN,
            };
            match score.is_finite() {
                true => Ok(score),
                false => Err(machine.why(plan).unwrap_or_default()),
            }
        };
        self.plans.iter().zip(&*self.answers).map(score).collect()
    }

    /// The further passes that some formula needs.
    pub fn further(&self) -> Further {
        let mut further = Further::default();
        for need in self.jobs.iter().flat_map(|job| &job.needs) {
            let symbol = match need {
                Need::Moments(Tensor::Flow) => Some(Symbol::Gf),
                Need::Moments(Tensor::LogFlow) => Some(Symbol::Lf),
                need => need.symbol(),
            };
            match symbol {
                Some(Symbol::Hg) => further.hessian = true,
                Some(Symbol::Gf | Symbol::Lf) => further.flow = true,
                Some(Symbol::Gr) => further.sequences = true,
                Some(Symbol::Jr) => further.jacobians = true,
                _ => {}
            }
        }
        further
    }

    /// Takes a tensor that a further pass gave at a site.
    pub fn later(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>) {
        let wanted = self.wanted(site);
        self.keep(site, symbol, tensor, &wanted);
        self.run(site);
    }

    /// Gradients of synaptic flow are in units of 2 to this power.
    pub fn flow_unit(&mut self, exponent: f64) {
        self.unit = exponent;
    }

    /// |W| and the gradient with respect to it, of the pass of synaptic flow.
    pub fn flow(&mut self, site: Site, weight: &[f64], gradient: &[f64], shape: &[usize]) {
        let unit = self.unit;
        let log = |g: f64| match unit {
            0.0 => g.abs().ln_1p(),
            // Beside numbers as large as this unit, 1 is nothing.
            _ if g == 0.0 => 0.0,
            _ => (g.abs().ln() + unit * std::f64::consts::LN_2).max(0.0),
        };
        let wanted = self.wanted(site);
        for (tensor, of_gradient) in [
            (Tensor::Flow, &(|g| g) as &dyn Fn(f64) -> f64),
            (Tensor::LogFlow, &log),
        ] {
            if wanted.contains(&Need::Moments(tensor)) {
                let products = weight
                    .iter()
                    .zip(gradient)
                    .map(|(w, g)| w * of_gradient(*g));
                let store = self.stores.entry(site).or_default();
                store.moments.push((tensor, exact_moments(products)));
            }
        }
        for symbol in [Symbol::Gf, Symbol::Lf] {
            let map = |g: &f64| match symbol {
                Symbol::Lf => log(*g) as f32,
                _ => *g as f32,
            };
            if wanted.iter().any(|need| need.symbol() == Some(symbol)) {
                let data: Vec<f32> = gradient.iter().map(map).collect();
                self.keep(site, symbol, TensorView { data: &data, shape }, &wanted);
            }
        }
        self.run(site);
    }

    /// Needs of the jobs that wait at this site.
    fn wanted(&mut self, site: Site) -> Vec<Need> {
        let jobs = &self.jobs;
        let store = self.stores.entry(site).or_insert_with(|| Store {
            pending: (0..jobs.len())
                .filter(|job| jobs[*job].roles.contains(site.role))
                .collect(),
            ..Store::default()
        });
        let pending = store.pending.iter();
        pending
            .flat_map(|job| jobs[*job].needs.iter().copied())
            .collect()
    }

    /// Which of the costly moments jobs at this site read.
    fn costly(&self, site: Site) -> Wanted {
        let here = self.jobs.iter().filter(|job| job.roles.contains(site.role));
        here.map(|job| job.costly).fold(Wanted::CHEAP, Wanted::or)
    }

    fn keep(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>, wanted: &[Need]) {
        let costly = self.costly(site);
        let Some(store) = self.stores.get_mut(&site) else {
            return;
        };
        let moments = Tensor::Symbol(symbol);
        if wanted.contains(&Need::Moments(moments)) {
            store
                .moments
                .push((moments, Moments::sums_of(tensor.data, costly)));
        }
        for (_, moment) in shaped_wanted(wanted, &[symbol]) {
            let mut sweep = ShapedSweep::new(moment, tensor.shape);
            sweep.push(tensor.data);
            store.shaped.push((symbol, moment, sweep.finish()));
        }
        if wanted.contains(&Need::Elements(symbol)) {
            let elements = Elements {
                rows: tensor.shape.first().copied().unwrap_or(1).max(1),
                last: tensor.shape.last().copied().unwrap_or(1).max(1),
                values: tensor.data.to_vec(),
            };
            store.elements.push((symbol, elements));
        }
    }

    fn keep_sums(&mut self, site: Site, sums: PairSums) {
        let store = self.stores.entry(site).or_default();
        let known = PAIR.into_iter().zip(sums.finish());
        let known = known.filter_map(|(tensor, sums)| Some((tensor, sums?)));
        store.moments.extend(known);
    }

    /// Evaluates what is complete at a site and frees what nothing waits for.
    fn run(&mut self, site: Site) {
        let Some(store) = self.stores.get_mut(&site) else {
            return;
        };
        let pending = std::mem::take(&mut store.pending);
        let (ready, pending): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|job| self.jobs[*job].needs.iter().all(|need| store.has(*need)));
        let source = AtSite { site, store };
        let mut machine = Machine::new(&source);
        for job in ready {
            if let Some(value) = machine.at(&self.jobs[job].argument, 0) {
                self.values[job].push((site, value));
            }
        }
        let jobs = &self.jobs;
        store.elements.retain(|(symbol, _)| {
            let need = Need::Elements(*symbol);
            pending.iter().any(|job| jobs[*job].needs.contains(&need))
        });
        store.pending = pending;
    }
}

/// Which passes beyond the first some formulas need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Further {
    /// The Hessian times the gradient (`Hg`).
    pub hessian: bool,
    /// Synaptic flow (`Gf`, `Lf`).
    pub flow: bool,
    /// Each sequence alone (`Gr`).
    pub sequences: bool,
    /// Random signs through half a block (`Jr`).
    pub jacobians: bool,
}

/// The moments that elementwise formulas read, of numbers in double precision.
fn exact_moments(values: impl Iterator<Item = f64>) -> Moments {
    let mut moments = Moments {
        count: 0,
        sum: 0.0,
        sum_abs: 0.0,
        sum_square: 0.0,
        sum_sqrt_abs: 0.0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        confidence: f64::NAN,
        code_agreement: f64::NAN,
    };
    for x in values {
        moments.count += 1;
        moments.sum += x;
        moments.sum_abs += x.abs();
        moments.sum_square += x * x;
        moments.sum_sqrt_abs += x.abs().sqrt();
        moments.min = moments.min.min(x);
        moments.max = moments.max.max(x);
    }
    moments
}

impl Visitor<f32> for ExactVisitor {
    /// Whether some formula reads a symbol at a site. Logits and attention
    /// probabilities that none reads are never whole in memory.
    fn wants(&self, site: Site, symbol: Symbol) -> bool {
        let is_head_output = symbol == Symbol::A && site.role.has_head_output();
        let reads = |need: &Need| {
            let read = need.symbol();
            read == Some(symbol) || (read == Some(Symbol::H) && is_head_output)
        };
        // What reads nothing is evaluated at every site, whatever comes by.
        let mut here = self.jobs.iter().filter(|job| job.roles.contains(site.role));
        here.any(|job| job.needs.is_empty() || job.needs.iter().any(reads))
    }

    fn activation(&mut self, site: Site, symbol: Symbol, tensor: TensorView<'_, f32>) {
        // H comes as A of a head site.
        if symbol == Symbol::H || tensor.data.is_empty() {
            return;
        }
        let wanted = self.wanted(site);
        self.keep(site, symbol, tensor, &wanted);
        if symbol == Symbol::A && site.role.has_head_output() {
            self.keep(site, Symbol::H, tensor, &wanted);
        }
        self.run(site);
    }

    fn parameter(
        &mut self,
        _name: &str,
        site: Option<Site>,
        weight: TensorView<'_, f32>,
        gradient: TensorView<'_, f32>,
    ) {
        let Some(site) = site else { return };
        if weight.data.is_empty() {
            return;
        }
        let wanted = self.wanted(site);
        let mut sums = PairSums::new(sums_wanted(&wanted), self.costly(site));
        sums.push(weight.data, gradient.data);
        self.keep_sums(site, sums);
        let others: Vec<Need> = wanted
            .into_iter()
            .filter(|need| !matches!(need, Need::Moments(_)))
            .collect();
        self.keep(site, Symbol::W, weight, &others);
        self.keep(site, Symbol::G, gradient, &others);
        self.run(site);
    }

    /// Where moments are all that is wanted.
    fn takes_parameter_rows(&self, site: Site) -> bool {
        let mut here = self.jobs.iter().filter(|job| job.roles.contains(site.role));
        here.all(|job| {
            job.needs.iter().all(|need| match need {
                Need::Elements(symbol) => !matches!(symbol, Symbol::W | Symbol::G),
                Need::Moments(_) | Need::Shaped(..) | Need::Network => true,
            })
        })
    }

    fn parameter_rows(
        &mut self,
        site: Site,
        weight: TensorRows<'_, f32>,
        gradient: TensorRows<'_, f32>,
    ) {
        let wanted = self.wanted(site);
        let costly = self.costly(site);
        let store = self.stores.entry(site).or_default();
        let mut rows = store.rows.take().unwrap_or_else(|| Rows {
            sums: PairSums::new(sums_wanted(&wanted), costly),
            shaped: shaped_wanted(&wanted, &[Symbol::W, Symbol::G])
                .map(|(symbol, moment)| {
                    let sweep = ShapedSweep::new(moment, weight.shape);
                    (symbol, moment, sweep)
                })
                .collect(),
        });
        rows.sums.push(weight.data, gradient.data);
        for (symbol, _, sweep) in &mut rows.shaped {
            sweep.push(match symbol {
                Symbol::W => weight.data,
                _ => gradient.data,
            });
        }
        let all: usize = weight.shape.iter().product();
        if weight.first + weight.data.len() < all {
            store.rows = Some(rows);
            return;
        }
        let shaped = rows.shaped.into_iter();
        let shaped = shaped.map(|(symbol, moment, sweep)| (symbol, moment, sweep.finish()));
        store.shaped.extend(shaped);
        self.keep_sums(site, rows.sums);
        self.run(site);
    }
}

/// A weight, its gradient, and the saliency between them.
const PAIR: [Tensor; 3] = [
    Tensor::Symbol(Symbol::W),
    Tensor::Symbol(Symbol::G),
    Tensor::Saliency,
];

/// Whether sums are wanted, for each tensor of a pair.
fn sums_wanted(wanted: &[Need]) -> [bool; 3] {
    PAIR.map(|tensor| wanted.contains(&Need::Moments(tensor)))
}

/// Which moments that look at the shape are wanted of these symbols, each once.
fn shaped_wanted(
    wanted: &[Need],
    symbols: &[Symbol],
) -> impl Iterator<Item = (Symbol, ShapedMoment)> {
    let each = symbols
        .iter()
        .flat_map(|symbol| ShapedMoment::ALL.map(|moment| (*symbol, moment)));
    each.filter(|(symbol, moment)| wanted.contains(&Need::Shaped(*symbol, *moment)))
}

impl Store {
    fn has(&self, need: Need) -> bool {
        match need {
            Need::Moments(tensor) => self.moments(tensor).is_some(),
            Need::Shaped(symbol, moment) => self.shaped(symbol, moment).is_some(),
            Need::Elements(symbol) => self.elements.iter().any(|(known, _)| *known == symbol),
            // Known when the pass is over.
            Need::Network => false,
        }
    }

    fn moments(&self, tensor: Tensor) -> Option<&Moments> {
        let mut known = self.moments.iter();
        known.find(|(known, _)| *known == tensor).map(|(_, m)| m)
    }

    fn shaped(&self, symbol: Symbol, moment: ShapedMoment) -> Option<f64> {
        let mut known = self.shaped.iter();
        let known = known.find(|(of, known, _)| (*of, *known) == (symbol, moment));
        known.map(|(_, _, value)| *value)
    }

    fn load(&self, symbol: Symbol, buffer: &mut Vec<f32>) -> Option<Layout> {
        let (_, elements) = self.elements.iter().find(|(known, _)| *known == symbol)?;
        buffer.extend_from_slice(&elements.values);
        let columns = elements.values.len() / elements.rows;
        Some(Layout {
            columns,
            count: elements.values.len() as f64,
            all_columns: columns as f64,
            last: elements.last,
        })
    }
}

/// One site during the pass.
struct AtSite<'a> {
    site: Site,
    store: &'a Store,
}

impl Source for AtSite<'_> {
    fn scalar(&self, _: NetworkScalar) -> f64 {
        f64::NAN
    }

    fn sites(&self) -> usize {
        1
    }

    fn site(&self, _: usize) -> Site {
        self.site
    }

    fn moments(&self, _: usize, tensor: Tensor) -> Option<&Moments> {
        self.store.moments(tensor)
    }

    fn shaped(&self, _: usize, symbol: Symbol, moment: ShapedMoment) -> Option<f64> {
        self.store.shaped(symbol, moment)
    }

    fn load(&self, _: usize, symbol: Symbol, _: Sampling, out: &mut Vec<f32>) -> Option<Layout> {
        self.store.load(symbol, out)
    }
}

/// All sites after the pass.
struct Finished<'a> {
    scalars: &'a [f64],
    stores: Vec<(Site, Store)>,
    values: &'a [Vec<(Site, f64)>],
    jobs: &'a [Job],
}

impl Source for Finished<'_> {
    fn scalar(&self, scalar: NetworkScalar) -> f64 {
        let value = self.scalars.get(scalar as usize);
        value.copied().unwrap_or(f64::NAN)
    }

    fn sites(&self) -> usize {
        self.stores.len()
    }

    fn site(&self, index: usize) -> Site {
        self.stores[index].0
    }

    fn moments(&self, index: usize, tensor: Tensor) -> Option<&Moments> {
        self.stores[index].1.moments(tensor)
    }

    fn shaped(&self, index: usize, symbol: Symbol, moment: ShapedMoment) -> Option<f64> {
        self.stores[index].1.shaped(symbol, moment)
    }

    fn load(
        &self,
        index: usize,
        symbol: Symbol,
        _: Sampling,
        out: &mut Vec<f32>,
    ) -> Option<Layout> {
        self.stores[index].1.load(symbol, out)
    }

    fn site_values(&self, slot: usize) -> Option<&[(Site, f64)]> {
        // What needs the whole network was left for now.
        let waits = self.jobs[slot].needs.contains(&Need::Network);
        (!waits).then(|| &self.values[slot][..])
    }
}
