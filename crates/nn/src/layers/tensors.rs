//! The tensors of one block, declared as its table has them.

use lpzero_arch::{Architecture, BlockNorm, Map, NormKind, Role};

use super::block_site;
use super::linear::Linear;
use super::norm::Norm;
use crate::Site;
use crate::parameters::{Declarations, Initial, ParameterId};

/// Gives the layers of a block what the rows of its table say. A layer asks only for
/// rows that a mixer of its kind has.
pub(super) struct BlockTensors<'a> {
    declarations: &'a mut Declarations,
    layer: usize,
    maps: Vec<Map>,
    norms: Vec<BlockNorm>,
    norm: (NormKind, f64),
    deviation: f64,
    /// Standard deviation of maps that start smaller with depth.
    residual: f64,
}

impl<'a> BlockTensors<'a> {
    /// Tensors of block `layer`.
    pub(super) fn of(
        declarations: &'a mut Declarations,
        architecture: &Architecture,
        layer: usize,
    ) -> Self {
        let block = &architecture.blocks[layer];
        let deviation = architecture.initialisation.weight;
        BlockTensors {
            declarations,
            layer,
            maps: block.maps(architecture.width),
            norms: block.norms(architecture.width, architecture.norm_placement),
            norm: (architecture.norm_kind, architecture.norm_epsilon),
            deviation,
            residual: architecture.initialisation.residual.unwrap_or(deviation),
        }
    }

    /// A site of the block.
    pub(super) fn site(&self, role: Role, index: usize) -> Site {
        block_site(self.layer, role, index)
    }

    /// Where the mixer ends, and where the feed-forward network does.
    pub(super) fn ends(&self) -> [Site; 2] {
        let mixer = self.maps.iter().take_while(|map| map.role != Role::FfnIn);
        let end = mixer.last().map_or(Role::Out, |map| map.role);
        [end, Role::FfnOut].map(|role| self.site(role, 0))
    }

    /// Inputs and outputs of a map.
    pub(super) fn sides(&self, role: Role, index: usize) -> (usize, usize) {
        let map = self.row(role, index);
        (map.inputs.size, map.outputs.size)
    }

    fn row(&self, role: Role, index: usize) -> &Map {
        let mut rows = self.maps.iter();
        let row = rows.find(|map| map.role == role && usize::from(map.index) == index);
        row.unwrap_or_else(|| unreachable!("a layer asks for maps of its own table"))
    }

    fn name(&self, name: &str) -> String {
        format!("block.{}.{name}", self.layer)
    }

    /// The first map of a role.
    pub(super) fn map(&mut self, role: Role) -> Linear {
        self.map_at(role, 0)
    }

    /// A map with its weight and, where that is its only one, its bias.
    pub(super) fn map_at(&mut self, role: Role, index: usize) -> Linear {
        let (site, sides) = (self.site(role, index), self.sides(role, index));
        let row = self.row(role, index);
        let (name, biased) = (self.name(&row.name), row.biases == ["bias"]);
        let deviation = match row.residual {
            true => self.residual,
            false => self.deviation,
        };
        Linear::declare(self.declarations, &name, site, sides, biased, deviation)
    }

    /// The weight (outputs, 1, inputs) of a depthwise convolution.
    pub(super) fn depthwise(&mut self, role: Role, index: usize) -> ParameterId {
        let (inputs, outputs) = self.sides(role, index);
        let name = self.name(&format!("{}.weight", self.row(role, index).name));
        let deviation = self.deviation;
        let initial = Initial::Normal { deviation };
        self.declarations
            .declare(name, &[outputs, 1, inputs], initial)
    }

    /// The biases of a map that has several, which start as weights do.
    pub(super) fn biases<const N: usize>(&mut self, role: Role) -> [ParameterId; N] {
        let row = self.row(role, 0);
        let (map, width, biases) = (row.name.clone(), row.outputs.size, row.biases);
        let deviation = self.deviation;
        std::array::from_fn(|n| {
            let name = self.name(&format!("{map}.{}", biases[n]));
            let initial = Initial::Normal { deviation };
            self.declarations.declare(name, &[width], initial)
        })
    }

    /// A norm by its index, where the block has it.
    pub(super) fn norm(&mut self, index: u16) -> Option<Norm> {
        let row = self.norms.iter().find(|norm| norm.index == index)?;
        let (name, width) = (self.name(row.name), row.width.size);
        let site = self.site(Role::Norm, index.into());
        let norm = Norm::declare(self.declarations, &name, site, width, self.norm);
        Some(norm)
    }
}
