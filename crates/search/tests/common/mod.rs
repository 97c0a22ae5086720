//! A synthetic ground truth: traces of architectures that were never run,
//! made of a handful of latent sizes, so that formulas over them correlate as
//! those over real traces do.

use lpzero_proxy::{NetworkScalar, Role, Site, Symbol, Trace};
use lpzero_trace::{Moments, SiteTrace, TensorTrace};

pub const ARCHITECTURES: usize = 200;

/// A number between 0 and 1 that depends on both arguments and nothing else.
pub fn noise(a: u64, b: u64) -> f64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    for _ in 0..3 {
        x ^= x >> 33;
        x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    (x >> 11) as f64 / (1u64 << 53) as f64
}

pub fn traces() -> Vec<Trace> {
    (0..ARCHITECTURES as u64).map(trace).collect()
}

fn trace(architecture: u64) -> Trace {
    let latent = |name| noise(name, architecture);
    let layers = 2 + (latent(1) * 11.0) as u16;
    let scalars = NetworkScalar::ALL.map(|row| match row.scalar {
        NetworkScalar::Layers => f64::from(layers),
        NetworkScalar::Width => (64.0 + latent(2) * 400.0).round(),
        // The same for all: not worth a formula.
        NetworkScalar::EmbeddingWidth => 128.0,
        scalar => (1000.0 * latent(10 + scalar as u64)).round(),
    });
    let mut sites = Vec::new();
    for layer in 0..layers {
        for role in [Role::Query, Role::FfnIn, Role::FfnOut] {
            let tensor = |symbol: Symbol| {
                // One size per symbol and architecture, a little different
                // from role to role.
                let size = 0.2 + latent(100 + symbol as u64);
                let scale = size * (0.9 + 0.2 * latent(200 + role as u64));
                let key = architecture * 1000 + u64::from(layer) * 10 + symbol as u64;
                tensor(symbol, scale, key * 20 + role as u64)
            };
            sites.push(SiteTrace {
                site: Site {
                    layer: Some(layer),
                    role,
                    index: 0,
                },
                tensors: vec![tensor(Symbol::A), tensor(Symbol::D)],
                saliency: None,
            });
        }
    }
    sites.sort_by_key(|site| site.site);
    Trace {
        scalars: scalars.to_vec(),
        sites,
    }
}

/// A (2, 4, 4) tensor of uniform noise between -`scale` and `scale`.
fn tensor(symbol: Symbol, scale: f64, key: u64) -> TensorTrace {
    let points: Vec<f32> = (0..32)
        .map(|i| (scale * (2.0 * noise(key, i) - 1.0)) as f32)
        .collect();
    let sum = |f: fn(f64) -> f64| points.iter().map(|x| f(f64::from(*x))).sum::<f64>();
    TensorTrace {
        symbol,
        shape: vec![2, 4, 4],
        moments: Moments {
            count: 32,
            sum: sum(|x| x),
            sum_abs: sum(f64::abs),
            sum_square: sum(|x| x * x),
            sum_sqrt_abs: sum(|x| x.abs().sqrt()),
            min: points.iter().copied().fold(f32::INFINITY, f32::min).into(),
            max: points
                .iter()
                .copied()
                .fold(f32::NEG_INFINITY, f32::max)
                .into(),
            confidence: scale,
            code_agreement: 100.0 * noise(key, 99),
        },
        points,
        fibres: Vec::new(),
        fibre_count: 16,
    }
}
