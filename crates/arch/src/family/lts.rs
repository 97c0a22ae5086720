//! Decoders of LiteTransformerSearch (Javaheripi et al. 2022), GPT-2 and
//! Transformer-XL, as its `model_config.yaml` files describe them.
//!
//! Blocks with their own number of heads and feed-forward width, adaptive token
//! embeddings and softmax with tied tables. Both classes read the same keys, and
//! no published file names its class ([`Class::of`]). They differ as follows.
//!
//! | | GPT-2 | Transformer-XL |
//! | --- | --- | --- |
//! | positions | a table | relative attention with a memory of `mem_len` |
//! | biases | every map | feed-forward; two of the query in every block |
//! | norms | before sub-layers, and a last one | after them; with `pre_lnorm` before them, without a last one |
//! | nonlinearity | GELU | ReLU |
//!
//! GPT-2 ignores many keys of Transformer-XL; `pre_lnorm` is one of them (it is
//! `false` where the published counts have the norms of a pre-norm network).
//! Keys that would change the network in a way that an architecture cannot say
//! must have the value that leaves it as it is. One initial value is not the
//! class's: Transformer-XL draws the gains of its norms around 1, we start at 1.

use crate::architecture::{
    Architecture, Embedding, Head, Initialisation, NormKind, NormPlacement, PositionWidth,
};
use crate::block::{Activation, Block, FeedForward};
use crate::document::{Cursor, Node};
use crate::error::{Error, Problem};
use crate::mixer::{Kind, Mixer};
use crate::validate::{Field, MAX_BLOCKS};

/// The model class that a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// GPT-2 with heterogeneous blocks.
    Gpt2,
    /// NVIDIA's Transformer-XL with heterogeneous blocks.
    TransformerXl,
}

/// Names that archai gives the classes (`model_type`).
const MODEL_TYPES: [(&str, Class); 3] = [
    ("hf_gpt2", Class::Gpt2),
    ("hf_gpt2_flex", Class::Gpt2),
    ("mem_transformer", Class::TransformerXl),
];

/// A key that NVIDIA's trainer adds to a configuration. The published files
/// with it are all of Transformer-XL; GPT-2 had another trainer.
const TRAINER_KEY: &str = "n_nonemb_param";

/// Part of the names of the published folders that hold Transformer-XL.
const FOLDER: &str = "TransXL";

impl Class {
    /// The class of a configuration: as its `model_type` says, which published
    /// files lack; else Transformer-XL where NVIDIA's trainer wrote the file or
    /// a folder is named as the published ones are (`random_TransXL_wt103`);
    /// else GPT-2.
    ///
    /// # Errors
    /// [`Error::Value`] for another `model_type`.
    pub fn of(root: &Cursor<'_>) -> Result<Class, Error> {
        if let Some(found) = root.find("model_type") {
            let name = found.text()?;
            let known = MODEL_TYPES.iter().find(|(known, _)| *known == name);
            return match known {
                Some((_, class)) => Ok(*class),
                None => Err(found.unexpected("hf_gpt2, hf_gpt2_flex or mem_transformer")),
            };
        }
        let file = root.place().file;
        let mut folders = file.iter().map(|part| part.to_string_lossy());
        let relative =
            root.find(TRAINER_KEY).is_some() || folders.any(|part| part.contains(FOLDER));
        Ok(match relative {
            true => Class::TransformerXl,
            false => Class::Gpt2,
        })
    }
}

const NORM_EPSILON: f64 = 1e-5;
/// Transformer-XL's `mem_len` where a file has none.
const MEMORY: usize = 192;
const SIZE: &str = "a positive whole number";

/// Keys that must have one value where they are given.
const FIXED: [(&str, Node); 5] = [
    ("adaptive", Node::Bool(true)),
    ("tie_weight", Node::Bool(true)),
    ("attn_type", Node::Integer(0)),
    ("primer_conv", Node::Bool(false)),
    ("primer_square", Node::Bool(false)),
];

/// Keys that Transformer-XL alone reads, with the value that each must have.
const FIXED_TRANSFORMER_XL: [(&str, Node); 3] = [
    ("same_length", Node::Bool(false)),
    ("clamp_len", Node::Integer(-1)),
    ("sample_softmax", Node::Integer(-1)),
];

/// Reads one decoder from the contents of a `model_config.yaml`.
///
/// # Errors
/// [`Error::Value`], naming the key.
pub fn read(root: &Cursor<'_>) -> Result<Architecture, Error> {
    let class = Class::of(root)?;
    require_fixed(root, class)?;
    let count = count_layers(root)?;
    let heads = per_layer(root, "n_head", count)?;
    let hidden = per_layer(root, "d_inner", count)?;
    let width = root.get("d_model", SIZE)?.size()?;
    require_head_width(root, &heads, width)?;
    let vocabulary = root.get("n_token", SIZE)?.size()?;
    let cutoffs = read_cutoffs(root, vocabulary)?;
    let tied_projections = read_tied(root, cutoffs.len())?;
    let size_or = |key: &str, default: usize| match given(root, key) {
        Some(found) => found.size(),
        None => Ok(default),
    };
    let deviation_or = |key: &str, default: f64| match root.find(key) {
        Some(found) => found.number(),
        None => Ok(default),
    };
    let Style {
        memory,
        position_width,
        activation,
        norm_placement,
    } = style(class, root)?;

    let weight = deviation_or("weight_init_std", 0.02)?;
    let architecture = Architecture {
        kind: Kind::Decoder,
        vocabulary,
        positions: root.get("tgt_len", SIZE)?.size()?,
        token_types: 0,
        width,
        embedding: Embedding {
            width: size_or("d_embed", width)?,
            cutoffs,
            division: size_or("div_val", 1)?,
            projection_bias: false,
            scale_by_root_width: true,
            position_width,
            norm: false,
        },
        blocks: heads
            .into_iter()
            .zip(hidden)
            .map(|(heads, hidden)| {
                let dense = FeedForward::dense(vec![hidden], activation);
                match memory {
                    Some(memory) => Block::new(Mixer::RelativeAttention { heads, memory }, dense),
                    None => Block::attention(heads, dense),
                }
            })
            .collect(),
        norm_placement,
        norm_kind: NormKind::Layer,
        norm_epsilon: NORM_EPSILON,
        head: Head::Adaptive { tied_projections },
        initialisation: Initialisation {
            weight,
            // Transformer-XL draws all maps alike.
            residual: memory
                .is_none()
                .then(|| weight / (2.0 * count as f64).sqrt()),
            projection: deviation_or("proj_init_std", 0.01)?,
        },
    };
    architecture
        .validate_as(|field| key(field, root))
        .map_err(|invalid| root.place().invalid(invalid))?;
    Ok(architecture)
}

/// Refuses keys that would make a network which an architecture cannot say.
fn require_fixed(root: &Cursor<'_>, class: Class) -> Result<(), Error> {
    let fixed: &[_] = match class {
        Class::Gpt2 => &[],
        Class::TransformerXl => &FIXED_TRANSFORMER_XL,
    };
    for (key, wanted) in FIXED.iter().chain(fixed) {
        if let Some(found) = root.find(key)
            && !found.node().is(wanted)
        {
            return Err(found.unexpected(wanted.to_string()));
        }
    }
    if let Some(init) = root.find("weight_init_type")
        && init.text()? != "normal"
    {
        return Err(init.unexpected("\"normal\""));
    }
    Ok(())
}

fn count_layers(root: &Cursor<'_>) -> Result<usize, Error> {
    let layers = root.get("n_layer", SIZE)?;
    let count = layers.size()?;
    // Before any list is made, since the count alone may ask for all memory.
    if count > MAX_BLOCKS {
        return Err(layers.error(Problem::TooMany {
            count: count as u128,
            what: "blocks",
            limit: MAX_BLOCKS as u128,
        }));
    }
    Ok(count)
}

/// Refuses heads of another width than the model's over their number.
fn require_head_width(root: &Cursor<'_>, heads: &[usize], width: usize) -> Result<(), Error> {
    let Some(found) = given(root, "d_head") else {
        return Ok(());
    };
    let head_width = found.size()?;
    let fits = |heads: &usize| heads.checked_mul(head_width) == Some(width);
    match heads.iter().all(fits) {
        true => Ok(()),
        false => Err(found.unexpected("-1, or d_model / n_head in every layer")),
    }
}

/// Parts of an architecture that the class decides.
struct Style {
    /// Memory of relative attention, in positions; `None` where positions have a table.
    memory: Option<usize>,
    position_width: PositionWidth,
    activation: Activation,
    norm_placement: NormPlacement,
}

fn style(class: Class, root: &Cursor<'_>) -> Result<Style, Error> {
    if class == Class::Gpt2 {
        return Ok(Style {
            memory: None,
            position_width: PositionWidth::Model,
            activation: Activation::GeluTanh,
            norm_placement: NormPlacement::Pre,
        });
    }
    let memory = match root.find("mem_len") {
        Some(found) if found.node().as_whole() == Some(0) => 0,
        Some(found) => found.size()?,
        None => MEMORY,
    };
    let norms_first = match root.find("pre_lnorm") {
        Some(found) => found.flag()?,
        None => false,
    };
    Ok(Style {
        memory: Some(memory),
        position_width: PositionWidth::None,
        activation: Activation::Relu,
        norm_placement: match norms_first {
            true => NormPlacement::PreWithoutFinal,
            false => NormPlacement::Post,
        },
    })
}

/// A size that is not left to the class, as null and -1 do.
fn given<'a>(root: &Cursor<'a>, key: &str) -> Option<Cursor<'a>> {
    let left = |node: &Node| *node == Node::Null || node.as_whole() == Some(-1);
    root.find(key).filter(|found| !left(found.node()))
}

/// A value of every layer: a list with one entry each, or one number for all.
fn per_layer(root: &Cursor<'_>, key: &str, layers: usize) -> Result<Vec<usize>, Error> {
    let found = root.get(key, "one positive whole number per layer")?;
    if found.node().as_whole().is_some() {
        return Ok(vec![found.size()?; layers]);
    }
    let items = found.items()?;
    if items.len() != layers {
        return Err(found.error(Problem::Mismatch {
            found: found.node().to_string(),
            other_key: "n_layer".into(),
            other: layers.to_string(),
            expected: "one entry per layer".into(),
        }));
    }
    items.iter().map(Cursor::size).collect()
}

/// The ends of the clusters: those below the vocabulary, then the vocabulary.
/// The published files list an end beyond it, for a larger vocabulary.
fn read_cutoffs(root: &Cursor<'_>, vocabulary: usize) -> Result<Vec<usize>, Error> {
    let mut cutoffs = match root.find("cutoffs") {
        Some(found) => found
            .items()?
            .iter()
            .map(Cursor::size)
            .collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    cutoffs.retain(|&end| end < vocabulary);
    cutoffs.push(vocabulary);
    Ok(cutoffs)
}

/// Per cluster, whether the head shares the embedding's projection; the
/// published files have more entries than clusters.
fn read_tied(root: &Cursor<'_>, clusters: usize) -> Result<Vec<bool>, Error> {
    let Some(found) = root.find("tie_projs") else {
        return Ok((0..clusters).map(|cluster| cluster > 0).collect());
    };
    let items = found.items()?;
    if items.len() < clusters {
        return Err(found.unexpected(format!(
            "at least {clusters} entries, one per cluster of the vocabulary"
        )));
    }
    items.iter().take(clusters).map(Cursor::flag).collect()
}

/// The key that a value of the architecture came from.
fn key(field: Field, root: &Cursor<'_>) -> String {
    let of_layer = |key: &str, block: usize| match root.find(key).map(|found| found.node()) {
        Some(Node::List(_)) => format!("{key}[{block}]"),
        _ => key.to_owned(),
    };
    match field {
        Field::Whole => String::new(),
        Field::Vocabulary => "n_token".into(),
        Field::Positions => "tgt_len".into(),
        Field::Width => "d_model".into(),
        Field::EmbeddingWidth => "d_embed".into(),
        Field::Cutoffs => "cutoffs".into(),
        Field::Division => "div_val".into(),
        Field::Blocks => "n_layer".into(),
        Field::Heads { block } | Field::Mixer { block } => of_layer("n_head", block),
        Field::HiddenLayers { block } | Field::Hidden { block, .. } => of_layer("d_inner", block),
        Field::Head => "tie_projs".into(),
        Field::InitialWeight => "weight_init_std".into(),
        Field::InitialProjection => "proj_init_std".into(),
        // Neither is read from the file.
        Field::Kernel { .. }
        | Field::KeyValueHeads { .. }
        | Field::HeadWidth { .. }
        | Field::Window { .. }
        | Field::RotaryTurned { .. }
        | Field::RotaryBase { .. }
        | Field::RotaryScaling { .. }
        | Field::Adapters { .. }
        | Field::Gate { .. }
        | Field::NormEpsilon => String::new(),
    }
}
