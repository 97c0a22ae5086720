//! FlexiBERT encoders (Tuli et al. 2023), as the benchmark of Serianni &
//! Kalita (2023) records them: ELECTRA-small with other blocks.

use crate::architecture::{
    Architecture, Embedding, Head, Initialisation, NormKind, NormPlacement, PositionWidth,
};
use crate::block::{Activation, Block, FeedForward};
use crate::document::{Cursor, Node};
use crate::error::{Error, Problem};
use crate::mixer::{Kind, Mixer, Transform};
use crate::validate::{Field, MAX_BLOCKS, MAX_HIDDEN_LAYERS};

use super::Reading;

/// Values that all records share and none states: the BERT vocabulary, ELECTRA's sizes.
const VOCABULARY: usize = 30522;
const POSITIONS: usize = 512;
const TOKEN_TYPES: usize = 2;
const EMBEDDING_WIDTH: usize = 128;
const NORM_EPSILON: f64 = 1e-12;
const DEVIATION: f64 = 0.02;

/// The sizes that the reference reading puts in place of the declared ones.
const REFERENCE_WIDTH: usize = 256;
const REFERENCE_HIDDEN: usize = 1024;

/// An operation of the benchmark: `operation_type` and `operation_parameter`.
struct Operation {
    name: &'static str,
    parameter: Parameter,
    mixer: fn(usize, usize) -> Mixer,
}

/// Value that `operation_parameter` must have.
enum Parameter {
    Name(&'static str),
    /// A kernel length, handed to `mixer` as its second argument.
    Kernel,
}

const OPERATIONS: [Operation; 5] = [
    Operation {
        name: "SA",
        parameter: Parameter::Name("SDP"),
        mixer: |heads, _| Mixer::Attention {
            heads,
            weighted: false,
        },
    },
    Operation {
        name: "SA",
        parameter: Parameter::Name("WMA"),
        mixer: |heads, _| Mixer::Attention {
            heads,
            weighted: true,
        },
    },
    Operation {
        name: "LT",
        parameter: Parameter::Name("DFT"),
        mixer: |heads, _| Mixer::Transform {
            heads,
            transform: Transform::Fourier,
        },
    },
    Operation {
        name: "LT",
        parameter: Parameter::Name("DCT"),
        mixer: |heads, _| Mixer::Transform {
            heads,
            transform: Transform::Cosine,
        },
    },
    Operation {
        name: "DSC",
        parameter: Parameter::Kernel,
        mixer: |heads, kernel| Mixer::DynamicConvolution { heads, kernel },
    },
];

/// Where a record or a config file may hold the config, outermost first.
const NESTING: [&[&str]; 3] = [
    &[],
    &["model_hparam_overrides"],
    &["hparams", "model_hparam_overrides"],
];

/// The mapping with `hidden_size` and `nas_config`, in a record of the
/// benchmark or in a file that holds only the config.
pub fn find_config<'a>(root: &Cursor<'a>) -> Option<Cursor<'a>> {
    NESTING.iter().find_map(|keys| {
        let config = keys
            .iter()
            .try_fold(root.clone(), |cursor, key| cursor.find(key))?;
        config.find("nas_config").map(|_| config)
    })
}

/// Reads one encoder from a record of the benchmark or a config
/// (`{"hidden_size": ..., "nas_config": {"encoder_layers": [...]}}`).
///
/// # Errors
/// [`Error::Value`], naming the key; the operations are checked in every
/// reading, also where it does not use them.
pub fn read(root: &Cursor<'_>, reading: Reading) -> Result<Architecture, Error> {
    let Some(config) = find_config(root) else {
        let expected = "the hidden size and layers of a FlexiBERT encoder";
        let missing = NESTING[2]
            .iter()
            .try_fold(root.clone(), |cursor, key| cursor.get(key, expected))?;
        return Err(match missing.get("nas_config", expected) {
            Err(error) => error,
            Ok(config) => config.unexpected(expected),
        });
    };
    let declared_width = config
        .get("hidden_size", "a positive whole number")?
        .size()?;
    let width = match reading {
        Reading::AsTrained | Reading::Declared => declared_width,
        Reading::Reference => REFERENCE_WIDTH,
    };
    let layers = config
        .get("nas_config", "a mapping with the key `encoder_layers`")?
        .get("encoder_layers", "a list of layers")?;
    let items = layers.items()?;
    if items.len() > MAX_BLOCKS {
        return Err(layers.error(Problem::TooMany {
            count: items.len() as u128,
            what: "blocks",
            limit: MAX_BLOCKS as u128,
        }));
    }
    let blocks = items
        .iter()
        .map(|layer| read_layer(layer, width, reading))
        .collect::<Result<_, _>>()?;

    let architecture = Architecture {
        kind: Kind::Encoder,
        vocabulary: VOCABULARY,
        positions: POSITIONS,
        token_types: TOKEN_TYPES,
        width,
        embedding: Embedding {
            width: EMBEDDING_WIDTH,
            cutoffs: vec![VOCABULARY],
            division: 1,
            projection_bias: true,
            scale_by_root_width: false,
            position_width: PositionWidth::Embedding,
            norm: true,
        },
        blocks,
        norm_placement: NormPlacement::Post,
        norm_kind: NormKind::Layer,
        norm_epsilon: NORM_EPSILON,
        head: Head::None,
        initialisation: Initialisation {
            weight: DEVIATION,
            residual: None,
            projection: DEVIATION,
        },
    };
    architecture
        .validate_as(|field| key(field, reading))
        .map_err(|invalid| config.place().invalid(invalid))?;
    Ok(architecture)
}

fn read_layer(layer: &Cursor<'_>, width: usize, reading: Reading) -> Result<Block, Error> {
    const SIZE: &str = "a positive whole number";
    let heads = layer.get("num_operation_heads", SIZE)?.size()?;
    let declared_mixer = read_mixer(layer, heads)?;
    let declared_hidden = layer.get("feed_forward_dimension", SIZE)?.size()?;
    let count = layer.get("num_feed_forward", SIZE)?;
    let stacked = count.size()?;
    // Before the list is made, since the count alone may ask for all memory.
    if stacked > MAX_HIDDEN_LAYERS {
        return Err(count.error(Problem::TooMany {
            count: stacked as u128,
            what: "hidden layers",
            limit: MAX_HIDDEN_LAYERS as u128,
        }));
    }
    let (mixer, hidden) = match reading {
        Reading::AsTrained => {
            let mut hidden = vec![declared_hidden; stacked];
            hidden[0] = width.saturating_mul(4);
            let weighted = false;
            (Mixer::Attention { heads, weighted }, hidden)
        }
        Reading::Declared => (declared_mixer, vec![declared_hidden; stacked]),
        Reading::Reference => (declared_mixer, vec![REFERENCE_HIDDEN; stacked]),
    };
    Ok(Block::new(
        mixer,
        FeedForward::dense(hidden, Activation::Gelu),
    ))
}

fn read_mixer(layer: &Cursor<'_>, heads: usize) -> Result<Mixer, Error> {
    let operation_type = layer.get("operation_type", "SA, LT or DSC")?;
    let name = operation_type.text()?;
    let mut operations = OPERATIONS.iter().filter(|row| row.name == name).peekable();
    if operations.peek().is_none() {
        return Err(operation_type.unexpected("SA, LT or DSC"));
    }
    let parameter = layer.get("operation_parameter", "the variant of the operation")?;
    let mut expected = Vec::new();
    for operation in operations {
        match (&operation.parameter, parameter.node()) {
            (Parameter::Name(wanted), Node::Text(found)) if wanted == found => {
                return Ok((operation.mixer)(heads, 0));
            }
            (Parameter::Name(wanted), _) => expected.push(*wanted),
            (Parameter::Kernel, found) if found.as_whole().is_some() => {
                return Ok((operation.mixer)(heads, parameter.size()?));
            }
            (Parameter::Kernel, _) => expected.push("an odd kernel length"),
        }
    }
    Err(parameter.unexpected(expected.join(" or ")))
}

/// The key that a value of the architecture came from.
fn key(field: Field, reading: Reading) -> String {
    let layers = "nas_config.encoder_layers";
    match field {
        Field::Width if reading == Reading::Reference => "the reference hidden size".into(),
        Field::Width | Field::EmbeddingWidth => "hidden_size".into(),
        Field::Mixer { block } => format!("{layers}[{block}].operation_type"),
        Field::Heads { block } => format!("{layers}[{block}].num_operation_heads"),
        Field::Kernel { block } => format!("{layers}[{block}].operation_parameter"),
        Field::HiddenLayers { block } => format!("{layers}[{block}].num_feed_forward"),
        Field::Hidden { block, .. } => format!("{layers}[{block}].feed_forward_dimension"),
        Field::Blocks => layers.into(),
        // No other value comes from the file.
        Field::Whole
        | Field::Vocabulary
        | Field::Positions
        | Field::Cutoffs
        | Field::Division
        | Field::KeyValueHeads { .. }
        | Field::HeadWidth { .. }
        | Field::Window { .. }
        | Field::RotaryTurned { .. }
        | Field::RotaryBase { .. }
        | Field::RotaryScaling { .. }
        | Field::Adapters { .. }
        | Field::Gate { .. }
        | Field::NormEpsilon
        | Field::Head
        | Field::InitialWeight
        | Field::InitialProjection => String::new(),
    }
}
