//! GPT-2 decoders of LiteTransformerSearch (Javaheripi et al. 2022), as its
//! `model_config.yaml` files describe them.
//!
//! Pre-norm blocks with their own number of heads and feed-forward width,
//! adaptive token embeddings and softmax with tied tables. The files carry
//! many keys of Transformer-XL that the GPT-2 class ignores; `pre_lnorm` is
//! one of them (it is `false` where the published counts have the norms of a
//! pre-norm network). Keys that would change the network in a way that an
//! architecture cannot say must have the value that leaves it as it is.

use crate::architecture::{
    Activation, Architecture, Block, Embedding, FeedForward, Head, Initialisation, Kind, Mixer,
    NormPlacement, PositionWidth,
};
use crate::document::{Cursor, Node};
use crate::error::{Error, Problem};
use crate::validate::{Field, MAX_BLOCKS};

const NORM_EPSILON: f64 = 1e-5;
const SIZE: &str = "a positive whole number";

/// Keys that must have one value where they are given.
const FIXED: [(&str, Node); 6] = [
    ("adaptive", Node::Bool(true)),
    ("tie_weight", Node::Bool(true)),
    ("attn_type", Node::Integer(0)),
    ("d_head", Node::Integer(-1)),
    ("primer_conv", Node::Bool(false)),
    ("primer_square", Node::Bool(false)),
];

/// Reads one decoder from the contents of a `model_config.yaml`.
///
/// # Errors
/// [`Error::Value`], naming the key.
pub fn read(root: &Cursor<'_>) -> Result<Architecture, Error> {
    for (key, wanted) in &FIXED {
        if let Some(found) = root.find(key)
            && found.node() != wanted
        {
            return Err(found.unexpected(wanted.to_string()));
        }
    }
    if let Some(init) = root.find("weight_init_type")
        && init.text()? != "normal"
    {
        return Err(init.unexpected("\"normal\""));
    }

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
    let heads = per_layer(root, "n_head", count)?;
    let hidden = per_layer(root, "d_inner", count)?;
    let width = root.get("d_model", SIZE)?.size()?;
    let vocabulary = root.get("n_token", SIZE)?.size()?;
    let cutoffs = read_cutoffs(root, vocabulary)?;
    let tied_projections = read_tied(root, cutoffs.len())?;
    let size_or = |key: &str, default: usize| match root.find(key) {
        Some(found) if *found.node() != Node::Null => found.size(),
        _ => Ok(default),
    };
    let deviation_or = |key: &str, default: f64| match root.find(key) {
        Some(found) => found.number(),
        None => Ok(default),
    };

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
            position_width: PositionWidth::Model,
            norm: false,
        },
        blocks: heads
            .into_iter()
            .zip(hidden)
            .map(|(heads, hidden)| Block {
                mixer: Mixer::Attention {
                    heads,
                    weighted: false,
                },
                feed_forward: FeedForward {
                    hidden: vec![hidden],
                    activation: Activation::GeluTanh,
                },
            })
            .collect(),
        norm_placement: NormPlacement::Pre,
        norm_epsilon: NORM_EPSILON,
        head: Head::Adaptive { tied_projections },
        initialisation: Initialisation {
            weight,
            residual: Some(weight / (2.0 * count as f64).sqrt()),
            projection: deviation_or("proj_init_std", 0.01)?,
        },
    };
    architecture
        .validate_as(|field| key(field, root))
        .map_err(|invalid| root.place().invalid(invalid))?;
    Ok(architecture)
}

/// A value of every layer: a list with one entry each, or one number for all.
fn per_layer(root: &Cursor<'_>, key: &str, layers: usize) -> Result<Vec<usize>, Error> {
    let found = root.get(key, "one positive whole number per layer")?;
    if matches!(found.node(), Node::Integer(_)) {
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
        Field::Kernel { .. } | Field::NormEpsilon => String::new(),
    }
}
