//! Small made-up traces for the tests of this crate.

use lpzero_nn::{Role, Site, Symbol};

use crate::sketch::kept;
use crate::trace::{Moments, NetworkScalar, SiteTrace, TensorTrace, Trace};

/// A trace of two sites, different for every seed.
pub(crate) fn small_trace(seed: u32) -> Trace {
    let data: Vec<f32> = (0..12).map(|i| (i * seed) as f32 * 0.37 - 2.0).collect();
    let moments = Moments::of(&data, &[4, 3]);
    let tensor = |symbol| TensorTrace {
        symbol,
        shape: vec![4, 3],
        moments,
        points: data[..4].iter().copied().map(kept).collect(),
        fibres: data[..3].iter().copied().map(kept).collect(),
        fibre_count: 1,
    };
    let site = |layer, role, index| Site { layer, role, index };
    Trace {
        scalars: (0..NetworkScalar::ALL.len())
            .map(|i| {
                if i == 1 {
                    f64::NEG_INFINITY
                } else {
                    f64::from(seed)
                }
            })
            .collect(),
        sites: vec![
            SiteTrace {
                site: site(None, Role::Embedding, 2),
                tensors: vec![tensor(Symbol::W), tensor(Symbol::G)],
                saliency: Some(moments),
            },
            SiteTrace {
                site: site(Some(3), Role::Attention, 0),
                tensors: vec![tensor(Symbol::S)],
                saliency: None,
            },
        ],
    }
}
