//! Settings of a training: what options, a folder of weights and a ground truth say.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lpzero::arch::{
    Activation, Architecture, Block, Document, Embedding, FeedForward, Head, Initialisation, Kind,
    NormKind, NormPlacement, PositionWidth, Space, document,
};
use lpzero::run::Folder;
use lpzero::run::input;
use lpzero::trace::Weights;
use lpzero::train::{
    Batches, CHECKPOINT, Elastic, Recipe, Synthetic, Text, hugging_face, language,
};
use serde::{Deserialize, Serialize};

use super::TOKENIZER;
use crate::arguments::{RecipeArguments, Train, WeightsArgument};
use crate::failure::{Failure, failed, system};
use crate::output::Reporter;
use crate::session::Session;
use crate::settings::{absolute, read_architecture};
use crate::weights;

const CONFIG: &str = "config.json";

/// Everything that a training is a function of, as kept in its folder.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    pub seed: u64,
    pub architecture: Architecture,
    pub recipe: Recipe,
    /// A text and its tokenizer.
    pub text: Option<(PathBuf, PathBuf)>,
    /// Hash of the tokens of the text: a file may be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<String>,
    /// First token of every sequence, where the tokenizer puts one there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u32>,
    /// Weights that are trained on; `None` for seeded ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained: Option<Trained>,
    pub hugging_face: bool,
    /// Super-network that is trained; `None` for a plain network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supernet: Option<Supernet>,
}

/// A folder whose weights are trained on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    pub folder: PathBuf,
    /// Hash of the weights: files may be replaced.
    pub weights: String,
    /// Contents of its `config.json`; `None` where `train` wrote the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The space of which a super-network is the largest network.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supernet {
    /// Contents of its file, so that the training depends on no other.
    pub space: serde_json::Value,
    /// Random networks in every update.
    pub samples: usize,
}

impl TrainSettings {
    /// What the command line says.
    ///
    /// # Errors
    /// Options that contradict each other, and files that cannot be read.
    pub fn new(session: &Session, arguments: &Train) -> Result<Self> {
        let (trained, mut architecture) = Trained::of(session, arguments)?.unzip();
        let mut defaults = architecture.as_ref().map(going_on);
        let text = text_of(arguments, trained.as_ref())?;
        let supernet = arguments.space.as_deref();
        let supernet = supernet.map(|path| Supernet::read(path, arguments.samples));
        let supernet = supernet.transpose()?;
        if let Some(supernet) = &supernet {
            architecture = Some(supernet.elastic(session.seed)?.largest().clone());
        }
        if let Some(id) = &arguments.entry {
            let (found, recipe) = entry(session, arguments, id)?;
            architecture = Some(found);
            defaults = recipe;
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
                let vocabulary = match &text {
                    Some((_, tokenizer)) => {
                        lpzero::text::vocabulary(tokenizer).map_err(|error| failed(error.into()))?
                    }
                    None => language::VOCABULARY,
                };
                decoder(arguments, vocabulary, recipe.positions)?
            }
        };
        let of_class = trained
            .as_ref()
            .is_some_and(|trained| trained.config.is_some());
        if arguments.hugging_face && !of_class {
            hugging_face::check(&architecture)
                .map_err(|error| Failure::input(format_args!("--hugging-face: {error}")))?;
        }
        if let Some(trained) = &trained
            && text.is_none()
            && architecture.vocabulary != language::VOCABULARY
        {
            return Err(Failure::input(format_args!(
                "{}: its {} tokens are not those of the synthetic language; expected --text, a text \
                 to train on",
                trained.folder.display(),
                architecture.vocabulary
            )));
        }
        let start = match (&trained, &text) {
            (Some(_), Some((_, tokenizer))) => lpzero::text::Tokenizer::read(tokenizer)
                .and_then(|tokenizer| tokenizer.start())
                .map_err(|error| failed(error.into()))?,
            _ => None,
        };
        Ok(TrainSettings {
            seed: session.seed,
            architecture,
            recipe,
            text,
            tokens: None,
            start,
            trained,
            hugging_face: arguments.hugging_face,
            supernet,
        })
    }

    /// Where the tokens come from.
    ///
    /// # Errors
    /// A text that cannot be read, or another one than the training began with.
    pub fn batches(&self, report: Reporter) -> Result<Box<dyn Batches>> {
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
    pub fn read_batches(&self, report: Reporter) -> Result<(Box<dyn Batches>, Option<String>)> {
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
        Ok((Box::new(batches.with_start(self.start)), Some(hash)))
    }

    /// The weights that are trained on, until there is a checkpoint of them.
    ///
    /// # Errors
    /// Weights that cannot be read, or others than the training began with.
    pub fn weights(&self, session: &Session, folder: Option<&Folder>) -> Result<Option<Weights>> {
        let begun = folder.is_some_and(|folder| folder.path().join(CHECKPOINT).exists());
        let Some(trained) = self.trained.as_ref().filter(|_| !begun) else {
            return Ok(None);
        };
        let path = &trained.folder;
        let hash = weights::hash(path, &session.cancel)?.to_string();
        let found = weights::stored(session.report, path, &self.architecture)?;
        if found.is_none() || hash != trained.weights {
            return Err(Failure::input(format_args!(
                "{}: other weights than the training began with; restore them, or begin a new \
                 training",
                path.display()
            )));
        }
        Ok(found)
    }

    /// Description of the tokens, in words.
    pub fn data(&self) -> String {
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
    pub fn elastic(&self, seed: u64) -> Result<Elastic> {
        let text = serde_json::to_string(&self.space)?;
        let read = || Space::of(&Document::parse_json("the space", &text)?.root());
        let space = read().map_err(|error| failed(error.into()))?;
        Elastic::new(space, self.samples, seed).map_err(|error| failed(error.into()))
    }
}

/// Random networks in every update, beside the largest and the smallest: what BigNAS
/// takes.
const SAMPLES: usize = 2;

/// The architecture of an entry of a ground truth, and how it was trained.
fn entry(session: &Session, arguments: &Train, id: &str) -> Result<(Architecture, Option<Recipe>)> {
    let truth = session.truth(&arguments.truth)?;
    let entry = truth.entries.iter().find(|entry| entry.id == id);
    let entry = entry.ok_or_else(|| {
        Failure::typed(format_args!(
            "--entry {id}: {} has no such entry, expected one such as {}",
            truth.name,
            truth.entries.first().map_or("", |entry| &entry.id)
        ))
    })?;
    let provenance = truth.provenance.as_ref();
    let recipe = provenance.and_then(|provenance| {
        let of = |key| provenance.get(key)?.get("recipe");
        of("plan").or_else(|| of("supernet"))
    });
    let recipe = recipe.and_then(|recipe| Recipe::deserialize(recipe).ok());
    Ok((entry.architecture.clone(), recipe))
}

/// The recipe for weights that are there, on sequences that the network takes.
fn going_on(architecture: &Architecture) -> Recipe {
    let recipe = Recipe::going_on();
    Recipe {
        positions: recipe.positions.min(architecture.positions),
        ..recipe
    }
}

impl Trained {
    /// The folder that options name and its architecture, where there are weights in it that
    /// are wanted.
    fn of(session: &Session, arguments: &Train) -> Result<Option<(Self, Architecture)>> {
        let Some(path) = &arguments.architecture else {
            return Ok(None);
        };
        if arguments.weights == WeightsArgument::Seeded {
            return Ok(None);
        }
        let architecture = read_architecture(path, arguments.truth.layout.reading.into())?;
        let found = weights::stored_or_seeded(session.report, path, &architecture)?;
        if found.is_none() {
            return Ok(None);
        }
        let config = path.join(CONFIG);
        let config = config.exists().then(|| -> Result<_> {
            let text = input::read_text(&config, document::LIMIT)
                .map_err(|error| system(&config.display().to_string(), error))?;
            Ok(serde_json::from_str(&text)?)
        });
        (session.report).note(format_args!(
            "{}: going on with its weights; --weights seeded begins anew",
            path.display()
        ));
        let trained = Trained {
            folder: absolute(path.clone()),
            weights: weights::hash(path, &session.cancel)?.to_string(),
            config: config.transpose()?,
        };
        Ok(Some((trained, architecture)))
    }
}

/// The text and the tokenizer that options name; a folder that is trained on has its own.
fn text_of(arguments: &Train, trained: Option<&Trained>) -> Result<Option<(PathBuf, PathBuf)>> {
    let Some(text) = &arguments.text else {
        return Ok(None);
    };
    let own = trained.map(|trained| trained.folder.join(TOKENIZER));
    let own = own.filter(|path| path.exists());
    let tokenizer = arguments.tokenizer.clone().map(absolute).or(own);
    match tokenizer {
        Some(tokenizer) => Ok(Some((absolute(text.clone()), tokenizer))),
        None => Err(Failure::typed(format_args!(
            "--text {}: expected --tokenizer, the {TOKENIZER} that turns it into tokens",
            text.display()
        ))),
    }
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
