//! Which architectures are networks, and which are mistakes.
//!
//! Every reader validates before it returns, and the engine may rely on it:
//! what passes here can be built without overflow, and within
//! [`MAX_PARAMETERS`].

use crate::architecture::{Architecture, Head, NormPlacement};
use crate::error::{Invalid, Problem};
use crate::rotary::{Rotary, RotaryScaling};
use crate::table::{Rule, Size};

/// Most parameters that an architecture may have, 2 * 10^10 (80 GB in f32).
pub const MAX_PARAMETERS: u128 = 20_000_000_000;

/// Most blocks that an architecture may have.
pub const MAX_BLOCKS: usize = 4096;

/// Most hidden layers that one feed-forward network may have.
pub const MAX_HIDDEN_LAYERS: usize = 1024;

/// Largest vocabulary: token ids are `u32`.
pub const MAX_VOCABULARY: usize = u32::MAX as usize;

/// A part of an architecture that may be wrong. Readers translate it into the
/// key of their file that the value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The architecture as a whole.
    Whole,
    /// [`Architecture::vocabulary`].
    Vocabulary,
    /// [`Architecture::positions`].
    Positions,
    /// [`Architecture::width`].
    Width,
    /// The width of the token table.
    EmbeddingWidth,
    /// The ends of the clusters.
    Cutoffs,
    /// The factor between the widths of clusters.
    Division,
    /// The list of blocks.
    Blocks,
    /// The mixer of a block.
    Mixer {
        /// Block index.
        block: usize,
    },
    /// The number of heads of a block.
    Heads {
        /// Block index.
        block: usize,
    },
    /// The number of key and value heads of a grouped attention.
    KeyValueHeads {
        /// Block index.
        block: usize,
    },
    /// The head width of a grouped attention.
    HeadWidth {
        /// Block index.
        block: usize,
    },
    /// The window of a grouped attention.
    Window {
        /// Block index.
        block: usize,
    },
    /// The base of a rotary position embedding.
    RotaryBase {
        /// Block index.
        block: usize,
    },
    /// How many features of a head a rotary position embedding turns.
    RotaryTurned {
        /// Block index.
        block: usize,
    },
    /// One number of the scaling of a rotary position embedding.
    RotaryScaling {
        /// Block index.
        block: usize,
        /// Which one, as [`RotaryScaling`] calls it.
        name: &'static str,
    },
    /// The kernel length of a dynamic convolution.
    Kernel {
        /// Block index.
        block: usize,
    },
    /// The number of hidden layers of a block's feed-forward network.
    HiddenLayers {
        /// Block index.
        block: usize,
    },
    /// The low-rank adapters of a block.
    Adapters {
        /// Block index.
        block: usize,
    },
    /// The gate of a block's feed-forward network.
    Gate {
        /// Block index.
        block: usize,
    },
    /// One hidden width of a block's feed-forward network.
    Hidden {
        /// Block index.
        block: usize,
        /// Index of the hidden layer.
        layer: usize,
    },
    /// The epsilon of the norms.
    NormEpsilon,
    /// The output head.
    Head,
    /// The deviation of initial weights.
    InitialWeight,
    /// The deviation of initial projections.
    InitialProjection,
}

impl Architecture {
    /// Checks that this describes a network of bearable size.
    ///
    /// Heads divide the width, dynamic convolutions have an even number of
    /// heads and an odd kernel, relative attention an even width, key heads of a
    /// grouped attention divide its heads, rotary embeddings turn an even width by
    /// finite angles, no size is zero, clusters increase and end at the vocabulary,
    /// no cluster is left without width, every feed-forward network has a hidden
    /// layer, a gated one no other, decoders mix causally, and the limits
    /// [`MAX_PARAMETERS`], [`MAX_BLOCKS`], [`MAX_HIDDEN_LAYERS`] and
    /// [`MAX_VOCABULARY`] hold.
    ///
    /// # Errors
    /// The first violation, under the key that the value has in the
    /// project's own files.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.validate_as(|field| self.key_of(field))
    }

    /// [`validate`](Self::validate), naming values as another dialect does.
    ///
    /// # Errors
    /// The first violation, under the key that `key` gives.
    pub fn validate_as(&self, key: impl Fn(Field) -> String) -> Result<(), Invalid> {
        let check = Check {
            architecture: self,
            key: &key,
        };
        check.sizes()?;
        check.embedding()?;
        check.head()?;
        check.numbers()?;
        for block in 0..self.blocks.len() {
            check.mixer(block)?;
            check.feed_forward(block)?;
            check.adapters(block)?;
        }
        check.parameters()
    }

    /// The key of a value in the project's own files.
    fn key_of(&self, field: Field) -> String {
        let mixer = |block: usize| {
            let name = self
                .blocks
                .get(block)
                .map_or("", |block| block.mixer.name());
            format!("blocks[{block}].mixer.{name}")
        };
        match field {
            Field::Whole => String::new(),
            Field::Vocabulary => "vocabulary".into(),
            Field::Positions => "positions".into(),
            Field::Width => "width".into(),
            Field::EmbeddingWidth => "embedding.width".into(),
            Field::Cutoffs => "embedding.cutoffs".into(),
            Field::Division => "embedding.division".into(),
            Field::Blocks => "blocks".into(),
            Field::Mixer { block } => mixer(block),
            Field::Heads { block } => format!("{}.heads", mixer(block)),
            Field::KeyValueHeads { block } => format!("{}.key_value_heads", mixer(block)),
            Field::HeadWidth { block } => format!("{}.head_width", mixer(block)),
            Field::Window { block } => format!("{}.window", mixer(block)),
            Field::RotaryBase { block } => format!("{}.rotary.base", mixer(block)),
            Field::RotaryTurned { block } => format!("{}.rotary.turned", mixer(block)),
            Field::RotaryScaling { block, name } => {
                let attention = self.blocks.get(block).and_then(|b| b.mixer.grouped());
                let kind = attention.map_or("", |attention| attention.rotary.scaling.name());
                format!("{}.rotary.scaling.{kind}.{name}", mixer(block))
            }
            Field::Kernel { block } => format!("{}.kernel", mixer(block)),
            Field::HiddenLayers { block } => format!("blocks[{block}].feed_forward.hidden"),
            Field::Adapters { block } => format!("blocks[{block}].adapters"),
            Field::Gate { block } => format!("blocks[{block}].feed_forward.gated"),
            Field::Hidden { block, layer } => {
                format!("blocks[{block}].feed_forward.hidden[{layer}]")
            }
            Field::NormEpsilon => "norm_epsilon".into(),
            Field::Head => "head".into(),
            Field::InitialWeight => "initialisation.weight".into(),
            Field::InitialProjection => "initialisation.projection".into(),
        }
    }
}

/// One validation: the architecture, and how to name its values.
struct Check<'a, K> {
    architecture: &'a Architecture,
    key: &'a K,
}

impl<K: Fn(Field) -> String> Check<'_, K> {
    /// `Ok` where `holds`, else the problem at the field.
    fn require(
        &self,
        holds: bool,
        field: Field,
        problem: impl FnOnce() -> Problem,
    ) -> Result<(), Invalid> {
        match holds {
            true => Ok(()),
            false => Err(Invalid {
                key: (self.key)(field),
                problem: Box::new(problem()),
            }),
        }
    }

    fn positive(&self, value: usize, field: Field) -> Result<(), Invalid> {
        self.require(value > 0, field, || {
            Problem::unexpected("a positive whole number", value)
        })
    }

    fn at_most(
        &self,
        count: usize,
        limit: usize,
        what: &'static str,
        field: Field,
    ) -> Result<(), Invalid> {
        self.require(count <= limit, field, || Problem::TooMany {
            count: count as u128,
            what,
            limit: limit as u128,
        })
    }

    fn sizes(&self) -> Result<(), Invalid> {
        let Architecture {
            vocabulary,
            positions,
            width,
            blocks,
            ..
        } = self.architecture;
        self.positive(*vocabulary, Field::Vocabulary)?;
        self.at_most(*vocabulary, MAX_VOCABULARY, "tokens", Field::Vocabulary)?;
        self.positive(*positions, Field::Positions)?;
        self.positive(*width, Field::Width)?;
        self.require(!blocks.is_empty(), Field::Blocks, || {
            Problem::unexpected("at least one block", "none")
        })?;
        let kept = blocks.iter().any(|block| !block.left_out);
        self.require(kept, Field::Blocks, || {
            Problem::unexpected("a block that is not left out", "none")
        })?;
        self.at_most(blocks.len(), MAX_BLOCKS, "blocks", Field::Blocks)
    }

    fn embedding(&self) -> Result<(), Invalid> {
        let embedding = &self.architecture.embedding;
        self.positive(embedding.width, Field::EmbeddingWidth)?;
        self.positive(embedding.division, Field::Division)?;
        let cutoffs = &embedding.cutoffs;
        let increasing = cutoffs.first().is_some_and(|&first| first > 0)
            && cutoffs.windows(2).all(|pair| pair[0] < pair[1])
            && cutoffs.last() == Some(&self.architecture.vocabulary);
        self.require(increasing, Field::Cutoffs, || Problem::Mismatch {
            found: quote(cutoffs),
            other_key: (self.key)(Field::Vocabulary),
            other: self.architecture.vocabulary.to_string(),
            expected: "increasing ends of clusters, the last one the vocabulary".into(),
        })?;
        let last = embedding.clusters() - 1;
        self.require(embedding.cluster_width(last) > 0, Field::Division, || {
            Problem::Mismatch {
                found: embedding.division.to_string(),
                other_key: (self.key)(Field::EmbeddingWidth),
                other: embedding.width.to_string(),
                expected: format!(
                    "at least 1 column to be left for cluster {last} after {last} divisions"
                ),
            }
        })
    }

    fn head(&self) -> Result<(), Invalid> {
        let Architecture {
            embedding, width, ..
        } = self.architecture;
        match &self.architecture.head {
            Head::None | Head::Free => Ok(()),
            Head::Tied => self.require(!embedding.is_projected(*width), Field::Head, || {
                Problem::Mismatch {
                    found: "a tied head".into(),
                    other_key: (self.key)(Field::EmbeddingWidth),
                    other: embedding.width.to_string(),
                    expected: format!("one token table of the model width, {width}"),
                }
            }),
            Head::Adaptive { tied_projections } => self.require(
                tied_projections.len() == embedding.clusters(),
                Field::Head,
                || Problem::Mismatch {
                    found: format!("a list of {} tied projections", tied_projections.len()),
                    other_key: (self.key)(Field::Cutoffs),
                    other: quote(&embedding.cutoffs),
                    expected: format!("one entry for each of {} clusters", embedding.clusters()),
                },
            ),
        }
    }

    fn numbers(&self) -> Result<(), Invalid> {
        let Architecture {
            norm_epsilon,
            initialisation,
            ..
        } = self.architecture;
        let positive = norm_epsilon.is_finite() && *norm_epsilon > 0.0;
        self.require(positive, Field::NormEpsilon, || {
            Problem::unexpected("a positive number", norm_epsilon)
        })?;
        for (deviation, field) in [
            (initialisation.weight, Field::InitialWeight),
            (initialisation.residual.unwrap_or(0.0), Field::InitialWeight),
            (initialisation.projection, Field::InitialProjection),
        ] {
            let bearable = deviation.is_finite() && deviation >= 0.0;
            self.require(bearable, field, || {
                Problem::unexpected("a standard deviation (finite, not negative)", deviation)
            })?;
        }
        Ok(())
    }

    fn mixer(&self, block: usize) -> Result<(), Invalid> {
        let Architecture { kind, width, .. } = self.architecture;
        let mixer = &self.architecture.blocks[block].mixer;
        let table = mixer.table(*width);
        self.positive(mixer.heads(), Field::Heads { block })?;
        table
            .rules
            .into_iter()
            .try_for_each(|rule| self.rule(block, rule))?;
        if let Some(attention) = mixer.grouped() {
            self.rotary(block, attention.rotary, attention.head_width)?;
        }
        let field = Field::Mixer { block };
        self.require(table.kinds.contains(kind), field, || {
            Problem::unexpected(table.instead, mixer.name())
        })?;
        // What has no residual sum has none that a norm could stand before.
        let placeable = table.has_norm || self.architecture.norm_placement == NormPlacement::Post;
        self.require(placeable, field, || {
            Problem::unexpected(
                "attention or dynamic-convolution where norms stand before the mixer",
                mixer.name(),
            )
        })
    }

    /// One row of a mixer's table.
    fn rule(&self, block: usize, rule: Rule) -> Result<(), Invalid> {
        let field = |size| match size {
            Size::Width => Field::Width,
            Size::Heads => Field::Heads { block },
            Size::KeyValueHeads => Field::KeyValueHeads { block },
            Size::HeadWidth => Field::HeadWidth { block },
            Size::Window => Field::Window { block },
            Size::Kernel => Field::Kernel { block },
        };
        match rule {
            Rule::Positive(size, value) => self.positive(value, field(size)),
            Rule::Divides((size, value), (whole_size, whole)) => {
                self.require(whole.is_multiple_of(value), field(size), || {
                    Problem::NotDivisor {
                        value,
                        whole_key: (self.key)(field(whole_size)),
                        whole,
                    }
                })
            }
            Rule::Even(size, value, why) => {
                self.require(value.is_multiple_of(2), field(size), || {
                    Problem::unexpected(format!("an even number ({why})"), value)
                })
            }
            Rule::Odd(size, value, what) => self.require(value % 2 == 1, field(size), || {
                Problem::unexpected(format!("an odd {what}"), value)
            }),
        }
    }

    fn adapters(&self, block: usize) -> Result<(), Invalid> {
        let Architecture { width, blocks, .. } = self.architecture;
        let ranks = blocks[block].adapters.ranks().into_iter();
        let mut misplaced = ranks
            .filter(|(name, rank)| *rank > 0 && blocks[block].adapted_size(name, *width).is_none());
        let misplaced = misplaced.next().map(|(name, _)| name);
        let field = Field::Adapters { block };
        self.require(misplaced.is_none(), field, || {
            Problem::unexpected(
                "adapters on maps that the block has (attention, one hidden layer)",
                misplaced.unwrap_or_default(),
            )
        })
    }

    fn rotary(&self, block: usize, rotary: Rotary, head_width: usize) -> Result<(), Invalid> {
        if let Some(turned) = rotary.turned {
            let fits = turned > 0 && turned <= head_width && turned.is_multiple_of(2);
            self.require(fits, Field::RotaryTurned { block }, || {
                Problem::unexpected(format!("an even number from 2 to {head_width}"), turned)
            })?;
        }
        let number = |value: f64, least: f64, expected: &str, field| {
            self.require(value.is_finite() && value >= least, field, || {
                Problem::unexpected(expected, value)
            })
        };
        // A base below 1 would make later features turn faster and faster.
        number(
            rotary.base,
            1.0,
            "a number of 1 or more",
            Field::RotaryBase { block },
        )?;
        let field = |name| Field::RotaryScaling { block, name };
        let (RotaryScaling::Linear { factor } | RotaryScaling::Llama3 { factor, .. }) =
            rotary.scaling
        else {
            return Ok(());
        };
        number(factor, 1.0, "a number of 1 or more", field("factor"))?;
        if let RotaryScaling::Llama3 {
            low,
            high,
            original_positions,
            ..
        } = rotary.scaling
        {
            number(low, f64::MIN_POSITIVE, "a positive number", field("low"))?;
            self.require(high.is_finite() && high > low, field("high"), || {
                Problem::Mismatch {
                    found: high.to_string(),
                    other_key: (self.key)(field("low")),
                    other: low.to_string(),
                    expected: "a larger number".into(),
                }
            })?;
            self.positive(original_positions, field("original_positions"))?;
        }
        Ok(())
    }

    fn feed_forward(&self, block: usize) -> Result<(), Invalid> {
        let feed_forward = &self.architecture.blocks[block].feed_forward;
        let hidden = &feed_forward.hidden;
        let field = Field::HiddenLayers { block };
        self.require(!hidden.is_empty(), field, || {
            Problem::unexpected("at least one hidden layer", "none")
        })?;
        self.at_most(hidden.len(), MAX_HIDDEN_LAYERS, "hidden layers", field)?;
        let single = !feed_forward.gated || hidden.len() == 1;
        self.require(single, Field::Gate { block }, || Problem::Mismatch {
            found: "a gate".into(),
            other_key: (self.key)(field),
            other: format!("{} layers", hidden.len()),
            expected: "a single hidden layer".into(),
        })?;
        hidden
            .iter()
            .enumerate()
            .try_for_each(|(layer, &width)| self.positive(width, Field::Hidden { block, layer }))
    }

    fn parameters(&self) -> Result<(), Invalid> {
        let count = self.architecture.parameters().total();
        self.require(count <= MAX_PARAMETERS, Field::Whole, || Problem::TooMany {
            count,
            what: "parameters",
            limit: MAX_PARAMETERS,
        })
    }
}

/// A list of cutoffs, shortened where a hostile file made it long.
fn quote(cutoffs: &[usize]) -> String {
    const SHOWN: usize = 8;
    match cutoffs.len() {
        0..=SHOWN => format!("{cutoffs:?}"),
        more => format!("{:?} and {} more", &cutoffs[..SHOWN], more - SHOWN),
    }
}
