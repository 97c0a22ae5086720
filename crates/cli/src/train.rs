//! `lpzero train`: from an architecture to a network that has learned.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use lpzero::arch::{
    Activation, Architecture, Block, Document, Embedding, FeedForward, Head, Initialisation, Kind,
    NormKind, NormPlacement, PositionWidth, Space, spec,
};
use lpzero::nn::{Workspace, write_safetensors};
use lpzero::run::Folder;
use lpzero::run::input::{self, Limit};
use lpzero::train::{
    Batches, CHECKPOINT, CURVE, Control, Elastic, Error, Recipe, Synthetic, Text, Training,
    hugging_face, language, validation_floor,
};
use serde::{Deserialize, Serialize};

use super::arguments::{RecipeArguments, Train};
use super::failure::{Failure, failed, system};
use super::folder::{self, RunKind};
use super::output::{Reporter, print_json};
use super::plain::{line, stdout};
use super::session::Session;
use super::settings::read_architecture;

/// Everything that a training is a function of, as kept in its folder.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrainSettings {
    pub(super) seed: u64,
    pub(super) architecture: Architecture,
    pub(super) recipe: Recipe,
    /// A text and its tokenizer.
    text: Option<(PathBuf, PathBuf)>,
    /// Hash of the tokens of the text: a file may be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<String>,
    hugging_face: bool,
    /// Super-network that is trained; `None` for a plain network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) supernet: Option<Supernet>,
}

/// The space of which a super-network is the largest network.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Supernet {
    /// Contents of its file, so that the training depends on no other.
    pub(super) space: serde_json::Value,
    /// Random networks in every update.
    pub(super) samples: usize,
}

impl TrainSettings {
    /// Where the tokens come from.
    ///
    /// # Errors
    /// A text that cannot be read, or another one than the training began with.
    pub(super) fn batches(&self, report: Reporter) -> Result<Box<dyn Batches>> {
        let (batches, tokens) = self.read_batches(report)?;
        match &self.text {
            Some((text, tokenizer)) if self.tokens.is_some() && self.tokens != tokens => {
                Err(Failure::input(format_args!(
                    "--text {}: another text, or with {} another tokenizer, than the training \
                     began with; restore both files, or begin a new training",
                    text.display(),
                    tokenizer.display()
                )))
            }
            _ => Ok(batches),
        }
    }

    /// Where the tokens come from, and the hash of those of a text.
    fn read_batches(&self, report: Reporter) -> Result<(Box<dyn Batches>, Option<String>)> {
        // Keys of a recipe are options.
        self.recipe.check().map_err(|error| {
            Failure::input(format_args!("--{}", error.to_string().replace('_', "-")))
        })?;
        let Some((text, tokenizer)) = &self.text else {
            return Ok((Box::new(Synthetic::new(self.seed)), None));
        };
        let tokens = lpzero::text::all_tokens(text, tokenizer);
        let read = tokens.map_err(|error| failed(error.into()))?;
        read.remark.iter().for_each(|remark| report.warn(remark));
        let hash = lpzero::text::hash(&read.tokens).to_string();
        let batches = Text::new(read.tokens, self.recipe.positions, self.seed);
        let batches = batches
            .map_err(|error| Failure::input(format_args!("--text {}: {error}", text.display())))?;
        Ok((Box::new(batches), Some(hash)))
    }

    /// Description of the tokens, in words.
    pub(super) fn data(&self) -> String {
        match &self.text {
            None => "the synthetic language of lpzero, docs/tiny.md".into(),
            Some((text, _)) => format!("the text {}", text.display()),
        }
    }
}

impl Supernet {
    fn read(path: &Path, samples: Option<usize>) -> Result<Self> {
        let space = || Space::document(path)?.root().deserialize();
        let space = space().map_err(|error: lpzero::arch::Error| match path.exists() {
            true => failed(error.into()),
            false => Failure::typed(format_args!(
                "--space {}: expected tiny-elastic, or a file of format lpzero-space",
                path.display()
            )),
        })?;
        let samples = samples.unwrap_or(SAMPLES);
        Ok(Supernet { space, samples })
    }

    /// The networks of the space, for a training with this seed.
    pub(super) fn elastic(&self, seed: u64) -> Result<Elastic> {
        let text = serde_json::to_string(&self.space)?;
        let read = || Space::of(&Document::parse_json("the space", &text)?.root());
        let space = read().map_err(|error| failed(error.into()))?;
        Elastic::new(space, self.samples, seed).map_err(|error| failed(error.into()))
    }
}

/// Random networks in every update, beside the largest and the smallest: what BigNAS
/// takes.
const SAMPLES: usize = 2;

/// The JSON document of a training.
#[derive(Serialize)]
struct Report {
    parameters: u128,
    seed: u64,
    steps: u64,
    tokens: u64,
    /// Training loss of the last update, in nats per token.
    loss: Option<f64>,
    validation_loss: Option<f64>,
    /// Cross-entropy of the validation batches under the process that drew them, in nats per token.
    /// No decoder can go below it but by chance. `None` where it is not known.
    entropy_floor: Option<f64>,
    /// Time of this run in seconds. The run may have continued another.
    seconds: f64,
    tokens_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<PathBuf>,
}

const REPORT: &str = "report.json";
pub(super) const MODEL: &str = "model.safetensors";
const ARCHITECTURE: &str = "architecture.json";
const SPACE: &str = "space.json";
const PICTURE: &str = "curve.svg";
const HUGGING_FACE: &str = "hugging-face";
const TOKENIZER: &str = "tokenizer.json";
const TOKENIZER_LIMIT: Limit = Limit::mebibytes("a tokenizer", 256);

/// Time that a training which is stopped has for its last checkpoint.
const FOR_A_CHECKPOINT: Duration = Duration::from_secs(60);

/// At most so much work is lost when the process is killed.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(20);

pub const RUN: RunKind = RunKind {
    command: "train",
    writes: &[
        CHECKPOINT,
        CURVE,
        MODEL,
        ARCHITECTURE,
        PICTURE,
        SPACE,
        HUGGING_FACE,
        TOKENIZER,
    ],
    report: REPORT,
    journal: None,
};

pub fn run(session: &Session, arguments: Train) -> Result<()> {
    let (settings, folder, batches) = match &arguments.resume {
        Some(path) => {
            let (settings, folder): (TrainSettings, Folder) =
                folder::open(path, "a training", None)?;
            if folder.path().join(REPORT).exists() {
                return Err(Failure::input(format_args!(
                    "--resume {}: this training is finished; its report is {REPORT}",
                    path.display()
                )));
            }
            let batches = settings.batches(session.report)?;
            (settings, Some(folder), batches)
        }
        None => {
            let mut settings = configuration(session, &arguments)?;
            let (batches, tokens) = settings.read_batches(session.report)?;
            settings.tokens = tokens;
            let folder = arguments.out.as_deref();
            let folder = folder.map(|path| folder::create(path, &settings));
            (settings, folder.transpose()?, batches)
        }
    };
    if let Some(folder) = &folder {
        session.stop.resumable(&RUN.next(folder.path(), ""));
        session.stop.wait(FOR_A_CHECKPOINT);
    }
    let outcome = train(session, &settings, &*batches, folder.as_ref());
    RUN.ended(outcome, folder, "")
}

fn configuration(session: &Session, arguments: &Train) -> Result<TrainSettings> {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let text = arguments.text.as_ref().zip(arguments.tokenizer.as_ref());
    let mut defaults = None;
    let mut architecture = None;
    let supernet = arguments.space.as_deref();
    let supernet = supernet.map(|path| Supernet::read(path, arguments.samples));
    let supernet = supernet.transpose()?;
    if let Some(supernet) = &supernet {
        architecture = Some(supernet.elastic(session.seed)?.largest().clone());
    }
    if let Some(id) = &arguments.entry {
        let truth = session.truth(&arguments.truth)?;
        let entry = truth
            .entries
            .iter()
            .find(|entry| entry.id == *id)
            .ok_or_else(|| {
                Failure::typed(format_args!(
                    "--entry {id}: {} has no such entry, expected one such as {}",
                    truth.name,
                    truth.entries.first().map_or("", |entry| &entry.id)
                ))
            })?;
        architecture = Some(entry.architecture.clone());
        let provenance = truth.provenance.as_ref();
        let recipe = provenance.and_then(|provenance| {
            let of = |key| provenance.get(key)?.get("recipe");
            of("plan").or_else(|| of("supernet"))
        });
        defaults = recipe.and_then(|recipe| Recipe::deserialize(recipe).ok());
    } else if arguments.truth.truth.is_some() {
        return Err(Failure::input(
            "--truth: needs --entry, the architecture to train again",
        ));
    }
    let recipe = recipe(&arguments.recipe, defaults);
    let architecture = match (architecture, &arguments.architecture) {
        (Some(architecture), _) => architecture,
        (None, Some(path)) => {
            let reading = arguments.truth.layout.reading.into();
            read_architecture(path, reading)?
        }
        (None, None) => {
            let vocabulary = match text {
                Some((_, tokenizer)) => {
                    lpzero::text::vocabulary(tokenizer).map_err(|error| failed(error.into()))?
                }
                None => language::VOCABULARY,
            };
            decoder(arguments, vocabulary, recipe.positions)?
        }
    };
    if arguments.hugging_face {
        hugging_face::check(&architecture)
            .map_err(|error| Failure::input(format_args!("--hugging-face: {error}")))?;
    }
    Ok(TrainSettings {
        seed: session.seed,
        architecture,
        recipe,
        text: text.map(|(text, tokenizer)| (absolute(text), absolute(tokenizer))),
        tokens: None,
        hugging_face: arguments.hugging_face,
        supernet,
    })
}

/// The recipe that options ask for, beyond that of an entry.
fn recipe(arguments: &RecipeArguments, entry: Option<Recipe>) -> Recipe {
    let of_entry = entry.is_some();
    let mut recipe = entry.unwrap_or_default();
    recipe.steps = arguments.steps.unwrap_or(recipe.steps);
    if !of_entry || arguments.steps.is_some() {
        recipe.warm_up = recipe.steps / 20;
        recipe.validate_every = (recipe.steps / 10).max(1);
    }
    recipe.warm_up = arguments.warm_up.unwrap_or(recipe.warm_up);
    recipe.validate_every = arguments.validate_every.unwrap_or(recipe.validate_every);
    recipe.validation_batches = (arguments.validation_batches).unwrap_or(recipe.validation_batches);
    recipe.batch = arguments.batch.unwrap_or(recipe.batch);
    recipe.positions = arguments.positions.unwrap_or(recipe.positions);
    recipe.accumulate = arguments.accumulate.unwrap_or(recipe.accumulate);
    recipe.learning_rate = arguments.learning_rate.unwrap_or(recipe.learning_rate);
    recipe.weight_decay = arguments.weight_decay.unwrap_or(recipe.weight_decay);
    recipe.clip = arguments.clip.unwrap_or(recipe.clip);
    recipe
}

/// A decoder like GPT-2.
fn decoder(arguments: &Train, vocabulary: usize, positions: usize) -> Result<Architecture> {
    let width = arguments.width.unwrap_or(64);
    let layers = arguments.layers.unwrap_or(4);
    if layers > lpzero::arch::MAX_BLOCKS {
        return Err(Failure::typed(format_args!(
            "--layers {layers}: expected at most {}",
            lpzero::arch::MAX_BLOCKS
        )));
    }
    let hidden = arguments.feed_forward.unwrap_or(width.saturating_mul(4));
    let dense = FeedForward::dense(vec![hidden], Activation::GeluTanh);
    let block = Block::attention(arguments.heads.unwrap_or(4), dense);
    let architecture = Architecture {
        kind: Kind::Decoder,
        vocabulary,
        positions,
        token_types: 0,
        width,
        embedding: Embedding {
            width,
            cutoffs: vec![vocabulary],
            division: 1,
            projection_bias: false,
            scale_by_root_width: false,
            position_width: PositionWidth::Model,
            norm: false,
        },
        blocks: vec![block; layers],
        norm_placement: NormPlacement::Pre,
        norm_kind: NormKind::Layer,
        norm_epsilon: 1e-5,
        head: Head::Tied,
        initialisation: Initialisation {
            weight: 0.02,
            residual: None,
            projection: 0.02,
        },
    };
    architecture
        .validate()
        .map_err(|invalid| Failure::input(format_args!("--layers, --width, --heads: {invalid}")))?;
    Ok(architecture)
}

fn train(
    session: &Session,
    configuration: &TrainSettings,
    batches: &dyn Batches,
    folder: Option<&Folder>,
) -> Result<()> {
    let trained = |error: Error| failed(error.into());
    let TrainSettings {
        seed,
        architecture,
        recipe,
        ..
    } = configuration;
    let elastic = configuration.supernet.as_ref();
    let elastic = elastic
        .map(|supernet| supernet.elastic(*seed))
        .transpose()?;
    let workspace = match session.threads() {
        1 => Workspace::new(),
        _ => Workspace::on(Arc::new(session.pool()?)),
    };
    let mut training =
        Training::new(architecture, recipe, batches, *seed, workspace).map_err(trained)?;
    if let Some(elastic) = &elastic {
        training = training.with_sub_networks(elastic);
    }
    if let Some(folder) = folder {
        training.resume(folder.path()).map_err(trained)?;
        if training.step() > 0 {
            session
                .report
                .note(format_args!("continuing after update {}", training.step()));
        }
    }
    let (start, begun) = (Instant::now(), training.step());
    run_updates(session, &mut training, folder)?;

    let seconds = start.elapsed().as_secs_f64();
    let updates = recipe.steps - begun;
    let report = Report {
        out: folder.map(|folder| folder.path().to_owned()),
        ..Report::of(
            session,
            configuration,
            (&training, batches),
            (updates, seconds),
        )?
    };
    if let Some(folder) = folder {
        write_results(folder, configuration, &training, &report)?;
        crate::report::beside(session, folder);
    }
    match session.json {
        true => print_json(&report),
        false => print(&report),
    }
}

/// Trains to the last update, with progress and checkpoints.
fn run_updates(
    session: &Session,
    training: &mut Training<'_>,
    folder: Option<&Folder>,
) -> Result<()> {
    let steps = training.recipe().steps;
    let share = |step: u64| step as f64 / steps.max(1) as f64;
    let task = session.watch.task("training");
    task.at(share(training.step()), "");
    let mut validation = training.curve().validation();
    let outcome = training.run(Control {
        cancel: &session.cancel,
        progress: &mut |point| {
            validation = point.validation.or(validation);
            let validation = validation.map(|loss| format!(", validation {loss:.3}"));
            let validation = validation.unwrap_or_default();
            let detail = format!("loss {:.3}{validation}", point.loss);
            task.at(share(point.step), &detail);
        },
        checkpoints: folder.map(|folder| (folder.path(), BETWEEN_CHECKPOINTS)),
    });
    drop(task);
    outcome.map_err(|error| match error {
        error if error.is_cancelled() => anyhow::Error::from(Failure::Interrupted {
            message: format!("interrupted after update {} of {steps}", training.step()),
            next: "nothing is kept without --out".to_owned(),
        }),
        error => failed(error.into()),
    })
}

impl Report {
    /// The report of a training whose last `updates` took `seconds`.
    fn of(
        session: &Session,
        configuration: &TrainSettings,
        (training, batches): (&Training<'_>, &dyn Batches),
        (updates, seconds): (u64, f64),
    ) -> Result<Self> {
        let TrainSettings {
            seed,
            architecture,
            recipe,
            ..
        } = configuration;
        let curve = training.curve();
        let floor = || validation_floor(recipe, batches, &session.cancel);
        Ok(Self {
            parameters: architecture.parameters().total(),
            seed: *seed,
            steps: recipe.steps,
            tokens: recipe.tokens(),
            loss: curve.0.last().map(|point| point.loss),
            validation_loss: curve.validation(),
            entropy_floor: match architecture.kind {
                Kind::Decoder => floor().map_err(|error| failed(error.into()))?,
                // A masked token has a future to be told from.
                Kind::Encoder => None,
            },
            seconds,
            tokens_per_second: recipe.tokens() as f64 * updates as f64
                / recipe.steps as f64
                / seconds,
            out: None,
        })
    }
}

fn write_results(
    folder: &Folder,
    configuration: &TrainSettings,
    training: &Training<'_>,
    report: &Report,
) -> Result<()> {
    let trained = |error: Error| failed(error.into());
    let path = |name: &str| folder.path().join(name);
    let network = training.network();
    let tensors = network.parameters().iter();
    let tensors = tensors.map(|p| (p.name.clone(), &p.shape[..], &p.data[..]));
    write_safetensors(&path(MODEL), tensors, None).map_err(|error| trained(error.into()))?;
    spec::write(&path(ARCHITECTURE), network.architecture())
        .map_err(|error| failed(error.into()))?;
    let title = format!(
        "{} blocks of width {}, {} parameters",
        network.architecture().blocks.len(),
        network.architecture().width,
        report.parameters
    );
    folder.write_text(
        PICTURE,
        &training.curve().to_svg(&title, report.entropy_floor),
    )?;
    // Whoever reads with the network needs the same tokens.
    if let Some((_, tokenizer)) = &configuration.text {
        let text = input::read_text(tokenizer, TOKENIZER_LIMIT)
            .map_err(|error| system(&tokenizer.display().to_string(), error))?;
        folder.write_text(TOKENIZER, &text)?;
    }
    if let Some(supernet) = &configuration.supernet {
        folder.write(SPACE, &supernet.space)?;
    }
    if configuration.hugging_face {
        std::fs::create_dir_all(path(HUGGING_FACE))?;
        hugging_face::write(&path(HUGGING_FACE), network).map_err(trained)?;
    }
    Ok(folder.write(REPORT, report)?)
}

fn print(report: &Report) -> Result<()> {
    let out = &mut stdout();
    let loss = |loss: Option<f64>| loss.map_or_else(|| "-".to_owned(), |loss| format!("{loss:.6}"));
    writeln!(out, "parameters       {}", report.parameters)?;
    writeln!(
        out,
        "updates          {} ({} tokens)",
        report.steps, report.tokens
    )?;
    writeln!(out, "training loss    {}", loss(report.loss))?;
    writeln!(out, "validation loss  {}", loss(report.validation_loss))?;
    if report.entropy_floor.is_some() {
        writeln!(out, "entropy floor    {}", loss(report.entropy_floor))?;
    }
    writeln!(
        out,
        "time             {:.1} s, {:.0} tokens per second",
        report.seconds, report.tokens_per_second
    )?;
    if let Some(path) = &report.out {
        let path = path.display().to_string();
        writeln!(out, "written to       {}", line(&path))?;
    }
    Ok(())
}
