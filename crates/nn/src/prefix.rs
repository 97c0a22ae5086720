//! Blocks of sub-networks: how what a pass shows of a super-network's block would be
//! shown of a narrower one.

use std::borrow::Cow;

use lpzero_arch::{Block, BlockNorm, Map, Side};

use crate::source::copy_prefix;
use crate::{Role, Site, Symbol, TensorView};

/// A block whose tensors are the leading rows, columns and heads of another one's.
///
/// The parts of activations and gradients are what the wide block computes for the
/// channels that a narrow one keeps. They are what the narrow one would compute only
/// as far as nothing that it lacks has flowed into them: a score of them is
/// *restricted*, and exact where it reads weights alone.
#[derive(Clone, Debug)]
pub struct BlockPrefix {
    maps: Vec<Map>,
    norms: Vec<BlockNorm>,
    /// Heads that attend, and the width of all of them together.
    attending: Option<(usize, usize)>,
}

impl BlockPrefix {
    /// A block of `part`'s sizes in a network of this width; `None` where it is no
    /// part of `whole` ([`Block::misfit`]).
    pub fn of(part: &Block, whole: &Block, width: usize) -> Option<Self> {
        let fits = part.misfit(whole, [width; 2]).is_none();
        fits.then(|| BlockPrefix {
            maps: part.maps(width),
            norms: part.norms(width),
            attending: part.attending(width),
        })
    }

    /// The part of a tensor that a pass shows at a site of the block: its shape, and
    /// its elements, which are copied only where they do not lie side by side.
    pub fn part<'a>(
        &self,
        site: Site,
        symbol: Symbol,
        tensor: TensorView<'a, f32>,
    ) -> (Vec<usize>, Cow<'a, [f32]>) {
        let shape = self.shape(site, symbol, tensor.shape);
        let elements = shape.iter().product();
        if shape == tensor.shape {
            return (shape, Cow::Borrowed(tensor.data));
        }
        // Only the first dimension is shorter.
        if shape.get(1..) == tensor.shape.get(1..) {
            return (shape, Cow::Borrowed(&tensor.data[..elements]));
        }
        let mut part = vec![0.0; elements];
        copy_prefix(tensor.data, tensor.shape, &shape, &mut part);
        (shape, Cow::Owned(part))
    }

    fn shape(&self, site: Site, symbol: Symbol, whole: &[usize]) -> Vec<usize> {
        let mut shape = whole.to_vec();
        let (outputs, inputs) = self.sides(site);
        let mut cut = |dimension: usize, side: Option<usize>| {
            if let (Some(size), Some(side)) = (shape.get_mut(dimension), side) {
                *size = side;
            }
        };
        let last = whole.len().saturating_sub(1);
        match (symbol, whole.len()) {
            // The gain of a norm, which has no inputs, and a map.
            (Symbol::W | Symbol::G, 1) => cut(0, inputs),
            (Symbol::W | Symbol::G, 2) => {
                cut(0, outputs);
                cut(1, inputs);
            }
            (Symbol::X, _) => cut(last, inputs),
            // Of (batch, heads, positions, positions).
            (Symbol::S, _) => cut(1, self.attending.map(|(heads, _)| heads)),
            (Symbol::A | Symbol::D | Symbol::H, _) => cut(last, outputs),
            _ => {}
        }
        shape
    }

    /// Outputs and inputs of what stands at a site, `None` where no part has fewer;
    /// those of a norm are the features of a token, and the elements of its gain.
    fn sides(&self, site: Site) -> (Option<usize>, Option<usize>) {
        let size = |side: Side| side.cut.then_some(side.size);
        match site.role {
            Role::Norm => {
                let norm = self.norms.iter().find(|norm| norm.index == site.index);
                norm.map_or((None, None), |norm| (size(norm.over), size(norm.width)))
            }
            Role::Attention => (self.attending.map(|(_, width)| width), None),
            role => {
                let mut maps = self.maps.iter();
                let map = maps.find(|map| map.role == role && map.index == site.index);
                map.map_or((None, None), |map| (size(map.outputs), size(map.inputs)))
            }
        }
    }
}
