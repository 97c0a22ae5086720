//! `lpzero export`: a sub-network with the weights that it inherits, as a folder that
//! transformers loads.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use lpzero::Proxy;
use lpzero::arch::document;
use lpzero::arch::{Adapters, Architecture, Document, Reading, hugging_face};
use lpzero::nn::{
    Layout, Lost, Objective, Ordered, Precision, Prefixes, Renumbered, Source, Stored,
    export_weights,
};
use lpzero::run::{input, write_whole};
use serde_json::{Map, Value, json};

use super::arguments::{Export, PassArguments, PrecisionArgument};
use super::failure::{Failure, engine, failed, system};
use super::output::print_json;
use super::plain::line;
use super::session::Session;
use super::settings::read_architecture;
use super::weights;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const SUBNETWORK: &str = "subnetwork.json";

/// What a folder says of its tokens, which are those of every sub-network.
const OF_TOKENS: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "generation_config.json",
];

/// Keys of a config that sizes of blocks stand under.
const HEADS: &str = "num_attention_heads";
const KEY_HEADS: &str = "num_key_value_heads";
const HIDDEN: &str = "intermediate_size";
const LAYERS: &str = "num_hidden_layers";
/// A list of one for each block, where blocks differ in what they see.
const LAYER_TYPES: &str = "layer_types";

pub fn run(session: &Session, arguments: &Export) -> Result<()> {
    let Export {
        architecture,
        supernet,
        out,
        precision,
        sort,
        pass,
    } = arguments;
    let read = |path: &Path| read_architecture(path, Reading::default());
    let whole = read(supernet)?;
    let part = match architecture {
        Some(path) => {
            let part = read(path)?;
            check_part(path, &part, &whole)?;
            part
        }
        None => whole.clone(),
    };
    let stored = Stored::open_folder(supernet).map_err(engine)?;
    let stored = stored.ok_or_else(|| {
        Failure::typed(format_args!(
            "--supernet {}: expected {WEIGHTS} in it",
            supernet.display()
        ))
    })?;
    weights::tell_unplaced(session.report, supernet, &stored, &whole)?;
    let (mut config, layout) = config(supernet, &whole)?;
    // What is left out takes no number: the others move up.
    let mut remaining = part.clone();
    remaining.blocks.retain(|block| !block.left_out);
    let sizes = Sizes::of(&remaining);
    let (precision, name) = match precision {
        PrecisionArgument::F32 => (Precision::F32, Precision::F32.names().1),
        PrecisionArgument::F16 => (Precision::F16, Precision::F16.names().1),
        PrecisionArgument::Bf16 => (Precision::Bf16, Precision::Bf16.names().1),
    };
    sizes.enter(&mut config);
    enter_blocks(&mut config, &part);
    for key in ["dtype", "torch_dtype"] {
        if config.contains_key(key) {
            config.insert(key.into(), name.into());
        }
    }

    // Adapters are written by whoever trained them; weights are those of the maps.
    for block in &mut remaining.blocks {
        block.adapters = Adapters::NONE;
    }
    check_config(supernet, &config, &remaining)?;
    let mut inner = Arc::new(stored) as Arc<dyn Source<f32>>;
    if let Some(name) = sort {
        inner = sorted(session, (name, pass), (supernet, &whole), inner)?;
    }
    let folder = NewFolder::begin(out)?;
    let source = Prefixes::of(inner, &whole, Objective::NextToken).map_err(engine)?;
    let source = Renumbered::of(Arc::new(source), &part);
    let lost = export_weights(
        &folder.join(WEIGHTS),
        &remaining,
        Objective::NextToken,
        &source,
        layout,
        precision,
    )
    .map_err(engine)?;
    write_json(&folder.join(CONFIG), &Value::Object(config))?;
    copy_of_tokens(supernet, &folder)?;
    if !sizes.is_uniform() {
        write_json(&folder.join(SUBNETWORK), &sizes.by_block())?;
    }
    folder.finish()?;
    tell(session, lost, name, sizes.is_uniform());
    report(session, out, &part, sizes.is_uniform())
}

/// Says what a precision could not hold, and who can read blocks that differ.
fn tell(session: &Session, lost: Lost, precision: &str, uniform: bool) {
    if let Lost {
        vanished,
        first: Some(tensor),
    } = lost
    {
        session.report.warn(format_args!(
            "--precision: {vanished} numbers are too small for {precision} and became 0, the first of \
             them in `{tensor}`"
        ));
    }
    if !uniform {
        session.report.note(format_args!(
            "blocks differ, which no class of transformers can build: {SUBNETWORK} has their sizes, \
             and lpzero reads them from {CONFIG}"
        ));
    }
}

fn report(session: &Session, out: &Path, part: &Architecture, uniform: bool) -> Result<()> {
    if session.json {
        return print_json(&json!({
            "folder": out,
            "params": part.parameters().total() as f64,
            "uniform": uniform,
        }));
    }
    let loads = match uniform {
        true => "transformers loads it",
        false => "lpzero loads it",
    };
    writeln!(
        std::io::stdout(),
        "{}: {} parameters; {loads}",
        line(&out.display().to_string()),
        part.parameters().total()
    )?;
    Ok(())
}

/// The configuration of a folder, and the names of its tensors.
fn config(folder: &Path, whole: &Architecture) -> Result<(Map<String, Value>, &'static Layout)> {
    let path = folder.join(CONFIG);
    let wrong = |error: String| Failure::input(format_args!("{}: {error}", path.display()));
    let text =
        input::read_text(&path, document::LIMIT).map_err(|error| wrong(error.to_string()))?;
    let config: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let model_type = config.get("model_type").and_then(Value::as_str);
    let model_type = model_type.unwrap_or("");
    let layout = Layout::of(model_type).filter(|_| whole.blocks[0].mixer.grouped().is_some());
    let layout = layout.ok_or_else(|| {
        Failure::input(format_args!(
            "{}: model_type: expected llama or a descendant, found {model_type:?}",
            path.display()
        ))
    })?;
    Ok((config, layout))
}

/// Weights of the folder's network with its channels and heads in the order of a proxy.
fn sorted(
    session: &Session,
    (name, pass): (&str, &PassArguments),
    (folder, whole): (&Path, &Architecture),
    weights: Arc<dyn Source<f32>>,
) -> Result<Arc<dyn Source<f32>>> {
    let proxy = Proxy::parse(name).map_err(failed)?;
    let workbench = session.workbench(pass, [whole])?;
    let id = folder.display().to_string();
    let orders = workbench.orders(&id, whole, Arc::clone(&weights), &proxy);
    let orders = orders.map_err(failed)?;
    let ordered = Ordered::of(weights, whole, orders).ok_or_else(|| {
        Failure::typed(format_args!(
            "--sort {name}: expected a network whose blocks have one hidden layer and heads of \
             keys, in --supernet"
        ))
    })?;
    Ok(Arc::new(ordered))
}

/// Refuses a config that would be read as another network than the part.
fn check_config(supernet: &Path, config: &Map<String, Value>, part: &Architecture) -> Result<()> {
    let text = Value::Object(config.clone()).to_string();
    let document = Document::parse_json(CONFIG, &text);
    let read = document.and_then(|document| hugging_face::read(&document.root()));
    match read.is_ok_and(|read| read == *part) {
        true => Ok(()),
        false => Err(Failure::input(format_args!(
            "{}: this model type has no words for such a part",
            supernet.join(CONFIG).display()
        ))),
    }
}

/// Enters how many blocks are left, and what the config says of each of them.
fn enter_blocks(config: &mut Map<String, Value>, part: &Architecture) {
    let kept: Vec<bool> = part.blocks.iter().map(|block| !block.left_out).collect();
    let all = kept.len();
    for key in ["kept_blocks", "kept_key_value_heads"] {
        config.remove(key);
    }
    let left = kept.iter().filter(|kept| **kept).count();
    if left == all {
        return;
    }
    config.insert(LAYERS.into(), json!(left));
    // A pattern counts blocks: what it meant is said of each.
    let windows = part.blocks.iter().map(|block| {
        let attention = block.mixer.grouped();
        attention.is_some_and(|attention| attention.window.is_some())
    });
    let windows: Vec<bool> = windows.collect();
    if windows.contains(&true) && !config.contains_key(LAYER_TYPES) {
        let kinds = windows.iter().map(|windowed| match windowed {
            true => "sliding_attention",
            false => "full_attention",
        });
        config.insert(LAYER_TYPES.into(), kinds.collect());
    }
    if let Some(Value::Array(list)) = config.get_mut(LAYER_TYPES) {
        let mut kept = kept.iter();
        list.retain(|_| kept.next().copied().unwrap_or(true));
    }
}

/// Refuses what is no leading part of the folder's network.
fn check_part(path: &Path, part: &Architecture, whole: &Architecture) -> Result<()> {
    let fits = part.blocks.len() == whole.blocks.len()
        && part.width == whole.width
        && part.blocks.iter().zip(&whole.blocks).all(|(part, block)| {
            let mut block = block.clone();
            block.adapters = part.adapters;
            lpzero::nn::BlockPrefix::of(part, &block, whole).is_some()
        });
    match fits {
        true => Ok(()),
        false => Err(Failure::input(format_args!(
            "{}: expected a part of the network in --supernet: as many blocks of the same width, \
             with no more heads and no wider feed-forward networks",
            path.display()
        ))),
    }
}

/// Sizes that may differ between the blocks of a sub-network.
struct Sizes {
    heads: Vec<usize>,
    key_heads: Vec<usize>,
    head_width: usize,
    hidden: Vec<usize>,
    adapters: Vec<Adapters>,
}

impl Sizes {
    fn of(architecture: &Architecture) -> Self {
        let mut sizes = Sizes {
            heads: Vec::new(),
            key_heads: Vec::new(),
            head_width: 0,
            hidden: Vec::new(),
            adapters: Vec::new(),
        };
        for block in &architecture.blocks {
            if let Some(attention) = block.mixer.grouped() {
                sizes.heads.push(attention.heads);
                sizes.key_heads.push(attention.key_value_heads);
                sizes.head_width = attention.head_width;
            }
            sizes.hidden.extend(block.feed_forward.hidden.first());
            sizes.adapters.push(block.adapters);
        }
        sizes
    }

    /// Whether a config of transformers can say it.
    fn is_uniform(&self) -> bool {
        let alike = |sizes: &[usize]| sizes.windows(2).all(|pair| pair[0] == pair[1]);
        alike(&self.heads) && alike(&self.key_heads) && alike(&self.hidden)
    }

    /// Replaces sizes in a config; by lists, which lpzero reads, where blocks differ.
    fn enter(&self, config: &mut Map<String, Value>) {
        let value = |sizes: &[usize]| match sizes.windows(2).all(|pair| pair[0] == pair[1]) {
            true => json!(sizes.first()),
            false => json!(sizes),
        };
        config.insert(HIDDEN.into(), value(&self.hidden));
        config.insert(HEADS.into(), value(&self.heads));
        config.insert(KEY_HEADS.into(), value(&self.key_heads));
        // No longer the width over the number of heads.
        config.insert("head_dim".into(), json!(self.head_width));
        config.remove("lora_ranks");
    }

    /// Sizes by block, and the ranks of adapters where there are any.
    fn by_block(&self) -> Value {
        let mut all = json!({
            HEADS: self.heads,
            KEY_HEADS: self.key_heads,
            HIDDEN: self.hidden,
        });
        if self.adapters.iter().any(|adapters| !adapters.is_none()) {
            all["lora_ranks"] = json!(self.adapters);
        }
        all
    }
}

/// Copies what there is of the tokenizer.
fn copy_of_tokens(from: &Path, to: &NewFolder) -> Result<()> {
    for name in OF_TOKENS {
        let path = from.join(name);
        if path.is_file() {
            fs::copy(&path, to.join(name))
                .map_err(|error| system(&path.display().to_string(), error))?;
        }
    }
    Ok(())
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    write_whole(path, text.as_bytes()).with_context(|| path.display().to_string())
}

/// A folder that is there whole or not at all: it is filled beside its place.
struct NewFolder<'a> {
    path: &'a Path,
    beside: PathBuf,
    /// Says that an export is filling it; given up with the process, however it ends.
    _lock: Option<File>,
}

/// Between the name of a folder and the number of the process that fills it.
const PARTIAL: &str = ".lpzero-export-";
/// Everything that such a folder may hold beside [`OF_TOKENS`].
const FILES: [&str; 3] = [CONFIG, WEIGHTS, SUBNETWORK];

/// Removes folders that exports to the same place left behind when they were killed.
/// Nothing else is touched, nor a folder that another process is filling.
fn remove_abandoned(path: &Path, start: &str) {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(parent.unwrap_or(Path::new("."))) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(start));
        let ours = number.is_some_and(|number| number.parse::<u32>().is_ok());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !ours || !is_folder {
            continue;
        }
        let left = entry.path();
        let free = File::open(&left).is_ok_and(|folder| folder.try_lock().is_ok());
        if free {
            // What cannot be removed is left as it is: this export does not need the room.
            let files = FILES.iter().chain(&OF_TOKENS);
            files.for_each(|file| drop(fs::remove_file(left.join(file))));
            let _ = fs::remove_dir(&left);
        }
    }
}

impl<'a> NewFolder<'a> {
    fn begin(path: &'a Path) -> Result<Self> {
        let place = format!("--out {}: expected a new folder", path.display());
        if path.symlink_metadata().is_ok() {
            return Err(system(&place, io::ErrorKind::AlreadyExists.into()));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let start = format!(".{name}{PARTIAL}");
        remove_abandoned(path, &start);
        let beside = path.with_file_name(format!("{start}{}", std::process::id()));
        fs::create_dir(&beside).map_err(|error| system(&place, error))?;
        // Where a folder cannot be locked, nobody takes it for abandoned either.
        let lock = File::open(&beside)
            .ok()
            .filter(|file| file.try_lock().is_ok());
        Ok(Self {
            path,
            beside,
            _lock: lock,
        })
    }

    fn join(&self, name: &str) -> PathBuf {
        self.beside.join(name)
    }

    fn finish(self) -> Result<()> {
        fs::rename(&self.beside, self.path)
            .with_context(|| format!("--out {}", self.path.display()))
    }
}

impl Drop for NewFolder<'_> {
    fn drop(&mut self) {
        // Nothing is there any more where it was put in its place.
        let _ = fs::remove_dir_all(&self.beside);
    }
}
