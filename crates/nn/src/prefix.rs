//! Blocks of sub-networks: how what a pass shows of a super-network's block would be
//! shown of a narrower one.

use std::borrow::Cow;

use lpzero_arch::{Architecture, Block, BlockNorm, Map, Side};

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
    left_out: bool,
    /// Which of equal pieces side by side it is; `None` for a block, which is the leading one.
    piece: Option<usize>,
}

impl BlockPrefix {
    /// A block of `part`'s sizes in a network like this; `None` where it is no part of
    /// `whole` ([`Block::misfit`]).
    pub fn of(part: &Block, whole: &Block, network: &Architecture) -> Option<Self> {
        let width = network.width;
        let fits = part.misfit(whole, [width; 2]).is_none();
        fits.then(|| BlockPrefix {
            maps: part.maps(width),
            norms: part.norms(width, network.norm_placement),
            attending: part.attending(width),
            left_out: part.left_out,
            piece: None,
        })
    }

    /// So many pieces of `whole` side by side, such as its hidden channels one by one, of
    /// which `first` is the first. `None` where that is no part of `whole`.
    pub fn pieces(
        first: &Block,
        whole: &Block,
        network: &Architecture,
        count: usize,
    ) -> Option<Vec<Self>> {
        let first = Self::of(first, whole, network)?;
        let piece = |number| BlockPrefix {
            piece: Some(number),
            ..first.clone()
        };
        Some((0..count).map(piece).collect())
    }

    /// The part of a tensor that a pass shows at a site of the block: its shape, and
    /// its elements, which are copied only where they do not lie side by side. `None` where
    /// the part goes without the block, and where all pieces have the whole tensor.
    pub fn part<'a>(
        &self,
        site: Site,
        symbol: Symbol,
        tensor: TensorView<'a, f32>,
    ) -> Option<(Vec<usize>, Cow<'a, [f32]>)> {
        let shape = self.shape(site, symbol, tensor.shape);
        let is_whole = shape == tensor.shape;
        if self.left_out || (is_whole && self.piece.is_some()) {
            return None;
        }
        let first = self.first(&shape, tensor.shape);
        let data = tensor.data.get(first..)?;
        let elements = shape.iter().product();
        // Only the first dimension is shorter.
        if is_whole || shape.get(1..) == tensor.shape.get(1..) {
            return Some((shape, Cow::Borrowed(data.get(..elements)?)));
        }
        let mut part = vec![0.0; elements];
        copy_prefix(data, tensor.shape, &shape, &mut part);
        Some((shape, Cow::Owned(part)))
    }

    /// Where in a tensor the piece begins.
    fn first(&self, shape: &[usize], whole: &[usize]) -> usize {
        let number = self.piece.unwrap_or(0);
        let sizes = shape.iter().zip(whole).enumerate();
        let cut = sizes.filter(|(_, (part, whole))| part < whole);
        let start = cut.map(|(dimension, (part, _))| {
            let stride: usize = whole[dimension + 1..].iter().product();
            number * part * stride
        });
        start.sum()
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
