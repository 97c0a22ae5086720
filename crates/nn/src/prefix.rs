//! Blocks of sub-networks: how what a pass shows of a super-network's block would be
//! shown of a narrower one.

use std::borrow::Cow;

use lpzero_arch::{Block, Mixer};

use crate::source::copy_prefix;
use crate::{Role, Site, Symbol, TensorView};

/// Of the norms in a block, see the table of [`Visitor`](crate::Visitor).
const QUERY_NORM: u16 = 2;
const KEY_NORM: u16 = 3;

/// A block whose tensors are the leading rows, columns and heads of another one's.
///
/// The parts of activations and gradients are what the wide block computes for the
/// channels that a narrow one keeps. They are what the narrow one would compute only
/// as far as nothing that it lacks has flowed into them: a score of them is
/// *restricted*, and exact where it reads weights alone.
#[derive(Clone, Debug)]
pub struct BlockPrefix {
    part: Block,
    width: usize,
}

impl BlockPrefix {
    /// A block of `part`'s sizes in a network of this width; `None` where it is not
    /// the leading part of `whole`: where they differ in anything but the number
    /// of heads of grouped attentions, hidden widths and ranks of adapters, or
    /// `part` is larger.
    pub fn of(part: &Block, whole: &Block, width: usize) -> Option<Self> {
        let mut widened = part.clone();
        widened.adapters = whole.adapters;
        let hidden = widened.feed_forward.hidden.iter_mut();
        for (part, &whole) in hidden.zip(&whole.feed_forward.hidden) {
            if *part > whole {
                return None;
            }
            *part = whole;
        }
        if let (
            Mixer::GroupedAttention {
                heads,
                key_value_heads,
                ..
            },
            Mixer::GroupedAttention {
                heads: most,
                key_value_heads: most_keys,
                ..
            },
        ) = (&mut widened.mixer, &whole.mixer)
        {
            // As many heads share a head of keys.
            if *heads > *most || *heads * most_keys != *most * *key_value_heads {
                return None;
            }
            (*heads, *key_value_heads) = (*most, *most_keys);
        }
        (widened == *whole).then(|| BlockPrefix {
            part: part.clone(),
            width,
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
        let Some([outputs, inputs]) = self.sides(site) else {
            return shape;
        };
        let last = shape.len().saturating_sub(1);
        match (symbol, site.role) {
            (Symbol::W | Symbol::G, Role::Norm) => {}
            (Symbol::W | Symbol::G, _) => {
                if let [rows, columns] = &mut shape[..] {
                    (*rows, *columns) = (outputs, inputs);
                }
            }
            (Symbol::X, _) => shape[last] = inputs,
            // Of (batch, heads, positions, positions).
            (Symbol::S, _) => {
                if let (Some(heads), Mixer::GroupedAttention { heads: part, .. }) =
                    (shape.get_mut(1), self.part.mixer)
                {
                    *heads = part;
                }
            }
            (Symbol::A | Symbol::D | Symbol::H, _) => shape[last] = outputs,
            _ => {}
        }
        shape
    }

    /// Outputs and inputs of what stands at a site; `None` where it is the same in
    /// every part.
    fn sides(&self, site: Site) -> Option<[usize; 2]> {
        let width = self.width;
        let hidden = &self.part.feed_forward.hidden;
        let layer = |index: usize| hidden.get(index).copied();
        match (site.role, self.part.mixer) {
            (Role::FfnIn | Role::FfnGate, _) => Some([layer(0)?, width]),
            (Role::FfnHidden, _) => {
                let index = usize::from(site.index);
                Some([layer(index + 1)?, layer(index)?])
            }
            (Role::FfnOut, _) => Some([width, *hidden.last()?]),
            (
                role,
                Mixer::GroupedAttention {
                    heads,
                    key_value_heads,
                    head_width,
                    ..
                },
            ) => {
                let (queries, keys) = (heads * head_width, key_value_heads * head_width);
                match (role, site.index) {
                    (Role::Query, _) => Some([queries, width]),
                    (Role::Key | Role::Value, _) => Some([keys, width]),
                    (Role::Out, _) => Some([width, queries]),
                    (Role::Attention, _) => Some([queries, queries]),
                    (Role::Norm, QUERY_NORM) => Some([queries, queries]),
                    (Role::Norm, KEY_NORM) => Some([keys, keys]),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
