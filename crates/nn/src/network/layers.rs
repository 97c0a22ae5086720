//! The layers of a network, declared from its architecture: which there are, and which tensors
//! each has.

use lpzero_arch::{Architecture, NormPlacement};

use crate::layers::{
    Embedding, Head, MaskedToken, Norm, Sublayer, norm_index, outer_site, unsupported,
};
use crate::parameters::{Declarations, Initial, Part};
use crate::{Error, Objective, Role};

/// The layers in order; they know their weights by number.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    pub(super) embedding: Embedding,
    pub(super) blocks: Vec<[Sublayer; 2]>,
    /// Whether both halves of a block read its input.
    pub(super) parallel: bool,
    pub(super) final_norm: Option<Norm>,
    pub(super) goal: Goal,
    pub(super) parts: Parts,
}

/// The tensors of each part of a network.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) embedding: Part,
    pub(super) blocks: Vec<Part>,
    /// Tensors of the final norm and the objective, then of the embedding where it is tied.
    pub(super) end: [Part; 2],
}

/// Layers behind the last hidden state.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    NextToken(Head),
    MaskedToken(MaskedToken),
    RandomProjection,
    OutputSum,
}

impl Layers {
    /// Checks that the network can be built and declares every tensor of it.
    pub(super) fn declare(
        architecture: &Architecture,
        objective: Objective,
    ) -> Result<(Self, Declarations), Error> {
        architecture.validate()?;
        if let Some(reason) = unsupported(architecture) {
            return Err(Error::Unsupported(reason));
        }
        let unmet = |needs| Error::Objective { objective, needs };
        if let Some(needs) = objective.unmet_need(architecture) {
            return Err(unmet(needs));
        }
        let mut declarations = Declarations::default();
        let embedding = Embedding::declare(&mut declarations, architecture);
        let embedded = 0..declarations.len();
        let (mut blocks, mut parts) = (Vec::new(), Vec::new());
        for (layer, block) in architecture.blocks.iter().enumerate() {
            // It has no tensors, and passes its input on.
            if block.left_out {
                continue;
            }
            let first = declarations.len();
            let block = Sublayer::declare_block(&mut declarations, architecture, layer);
            blocks.push(block);
            parts.push(first..declarations.len());
        }
        let first = declarations.len();
        let final_norm = architecture.norm_placement.has_final().then(|| {
            Norm::declare(
                &mut declarations,
                "final.norm",
                outer_site(Role::Norm, norm_index::FINAL.into()),
                architecture.width,
                (architecture.norm_kind, architecture.norm_epsilon),
            )
        });
        let goal = match objective {
            Objective::NextToken => Goal::NextToken(
                Head::declare(&mut declarations, architecture, &embedding)
                    .ok_or_else(|| unmet("an architecture with an output head"))?,
            ),
            Objective::MaskedToken => Goal::MaskedToken(MaskedToken::declare(
                &mut declarations,
                architecture,
                &embedding,
            )),
            Objective::RandomProjection => Goal::RandomProjection,
            Objective::OutputSum => Goal::OutputSum,
        };
        let tied = match goal.reads_embedding() {
            true => embedded.clone(),
            false => 0..0,
        };
        let end = [first..declarations.len(), tied];
        let layers = Layers {
            embedding,
            blocks,
            parallel: architecture.norm_placement == NormPlacement::Parallel,
            final_norm,
            goal,
            parts: Parts {
                embedding: embedded,
                blocks: parts,
                end,
            },
        };
        Ok((layers, declarations))
    }
}

impl Goal {
    /// Whether tables of the embedding are tied to it.
    fn reads_embedding(&self) -> bool {
        match self {
            Goal::NextToken(head) => !head.is_free(),
            Goal::MaskedToken(_) => true,
            Goal::RandomProjection | Goal::OutputSum => false,
        }
    }
}

impl Parts {
    /// Each of them.
    pub(super) fn all(&self) -> impl Iterator<Item = Part> {
        let blocks = self.blocks.iter().cloned();
        let outer = [self.embedding.clone()].into_iter();
        outer.chain(blocks).chain(self.end.iter().cloned())
    }
}

/// Name, shape and initial values of every tensor that a network declares.
///
/// # Errors
/// Where it cannot be built.
pub(crate) fn declared(
    architecture: &Architecture,
    objective: Objective,
) -> Result<Vec<(String, Vec<usize>, Initial)>, Error> {
    let (_, declarations) = Layers::declare(architecture, objective)?;
    Ok(declarations.all().collect())
}

/// Name and shape of every tensor that a network declares.
///
/// # Errors
/// Where it cannot be built.
pub(crate) fn requests(
    architecture: &Architecture,
    objective: Objective,
) -> Result<impl Iterator<Item = (String, Vec<usize>)> + use<>, Error> {
    let tensors = declared(architecture, objective)?.into_iter();
    Ok(tensors.map(|(name, shape, _)| (name, shape)))
}
