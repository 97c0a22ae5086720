//! Token, position and segment tables, adaptive clusters (Baevski & Auli
//! 2019), projection and norm.

use lpzero_arch::{Architecture, PositionWidth};

use super::linear::Linear;
use super::norm::Norm;
use super::{SharedGradients, gather, norm_index, outer_site, scatter_add};
use crate::kernels::elementwise::{add, add_column_sums, add_here, scale};
use crate::kernels::threads::Threads;
use crate::parameters::{Declarations, Initial, ParameterId};
use crate::pass::{Pass, Rows};
use crate::{Real, Role, Site, Symbol};

/// One token table with the token ids that it serves.
#[derive(Clone, Debug)]
struct Cluster {
    table: ParameterId,
    site: Site,
    first: usize,
    end: usize,
    width: usize,
    projection: Option<Linear>,
}

/// Everything between token ids and the first block.
#[derive(Clone, Debug)]
pub(crate) struct Embedding {
    clusters: Vec<Cluster>,
    /// Multiplies token embeddings.
    token_scale: Option<f64>,
    /// Position table, then the segment table, where there are such.
    positions: Option<ParameterId>,
    segments: Option<ParameterId>,
    position_width: PositionWidth,
    norm: Option<Norm>,
    width: usize,
}

pub(crate) struct EmbeddingCache<F> {
    tokens: Vec<ClusterCache<F>>,
    /// At embedding width: the sum of the tables, and statistics and output of
    /// the norm.
    sum: Option<Vec<F>>,
    normed: Option<(Vec<F>, Vec<F>)>,
}

impl<F> EmbeddingCache<F> {
    /// The buffers alone.
    pub(crate) fn into_buffers(self) -> Vec<Vec<F>> {
        let lookups = self.tokens.into_iter().filter_map(|cluster| cluster.lookup);
        let normed = self
            .normed
            .into_iter()
            .flat_map(|(y, statistics)| [y, statistics]);
        lookups.chain(self.sum).chain(normed).collect()
    }
}

/// The tokens of one cluster.
struct ClusterCache<F> {
    /// Rows of the batch, increasing.
    members: Vec<usize>,
    /// Rows of the table, one per member.
    ids: Vec<usize>,
    /// Rows of the table that the projection read, (members, width). `None` where no projection
    /// reads the table directly.
    lookup: Option<Vec<F>>,
}

/// Why some valid architectures have no embedding here.
pub(crate) fn unsupported(architecture: &Architecture) -> Option<&'static str> {
    let embedding = &architecture.embedding;
    if embedding.clusters() > usize::from(u16::MAX) {
        return Some("more than 65535 clusters (embedding.cutoffs)");
    }
    match embedding.position_width {
        PositionWidth::Embedding if embedding.division > 1 && embedding.clusters() > 1 => Some(
            "positions at embedding width need one embedding width, but its clusters differ \
             (embedding.position_width, embedding.division)",
        ),
        PositionWidth::None if architecture.token_types > 0 => Some(
            "segments need a width \
             (token_types, embedding.position_width)",
        ),
        PositionWidth::Model | PositionWidth::None if embedding.norm => Some(
            "a norm over summed embeddings needs positions at embedding width \
             (embedding.norm, embedding.position_width)",
        ),
        _ => None,
    }
}

/// Declares the tables of tokens, and their projections.
fn declare_clusters(declarations: &mut Declarations, architecture: &Architecture) -> Vec<Cluster> {
    let Architecture {
        width,
        initialisation,
        ..
    } = *architecture;
    let description = &architecture.embedding;
    let normal = Initial::Normal {
        deviation: initialisation.weight,
    };
    let tables = match description.division {
        1 => 1,
        _ => description.clusters(),
    };
    let mut first = 0;
    (0..tables)
        .map(|i| {
            let end = match tables {
                1 => architecture.vocabulary,
                _ => description.cutoffs[i],
            };
            let cluster_width = description.cluster_width(i);
            let table = declarations.declare(
                format!("embedding.{i}.table"),
                &[end - first, cluster_width],
                normal,
            );
            let projection = description.is_projected(width).then(|| {
                Linear::declare(
                    declarations,
                    &format!("embedding.{i}.projection"),
                    outer_site(Role::Projection, i),
                    (cluster_width, width),
                    description.projection_bias,
                    initialisation.projection,
                )
            });
            Cluster {
                table,
                site: outer_site(Role::Embedding, i),
                first: std::mem::replace(&mut first, end),
                end,
                width: cluster_width,
                projection,
            }
        })
        .collect()
}

impl Embedding {
    /// Declares every tensor of the input side.
    pub(crate) fn declare(declarations: &mut Declarations, architecture: &Architecture) -> Self {
        let description = &architecture.embedding;
        let Architecture {
            width,
            initialisation,
            norm_kind,
            norm_epsilon,
            ..
        } = *architecture;
        let normal = Initial::Normal {
            deviation: initialisation.weight,
        };
        let clusters = declare_clusters(declarations, architecture);
        let position_width = match description.position_width {
            PositionWidth::Embedding => description.width,
            PositionWidth::Model | PositionWidth::None => width,
        };
        let mut table = |name: &str, rows: usize| {
            declarations.declare(format!("{name}.table"), &[rows, position_width], normal)
        };
        let positions = match description.position_width {
            PositionWidth::None => None,
            _ => Some(table("position", architecture.positions)),
        };
        let segments =
            (architecture.token_types > 0).then(|| table("segment", architecture.token_types));
        let norm = description.norm.then(|| {
            let site = outer_site(Role::Norm, norm_index::EMBEDDING.into());
            Norm::declare(
                declarations,
                "embedding.norm",
                site,
                description.width,
                (norm_kind, norm_epsilon),
            )
        });
        Embedding {
            clusters,
            token_scale: description
                .scale_by_root_width
                .then(|| (width as f64).sqrt()),
            positions,
            segments,
            position_width: description.position_width,
            norm,
            width,
        }
    }

    /// Number of token tables.
    pub(crate) fn clusters(&self) -> usize {
        self.clusters.len()
    }

    /// The table of a cluster and its width.
    pub(crate) fn table(&self, cluster: usize) -> (ParameterId, usize) {
        let cluster = &self.clusters[cluster];
        (cluster.table, cluster.width)
    }

    /// The weight of a cluster's projection.
    pub(crate) fn projection(&self, cluster: usize) -> Option<ParameterId> {
        self.clusters[cluster].projection.map(|map| map.weight())
    }

    /// The input of the first block, (batch, positions, model width). Shows A
    /// of the tables, X and A of the projections, A of the sum.
    pub(crate) fn forward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        tokens: &[u32],
    ) -> (Vec<F>, EmbeddingCache<F>) {
        let (x, cache) = match self.position_width {
            PositionWidth::Embedding => self.forward_narrow(pass, rows, tokens),
            PositionWidth::Model | PositionWidth::None => self.forward_wide(pass, rows, tokens),
        };
        pass.show(outer_site(Role::Input, 0), Symbol::A, rows, &x);
        (x, cache)
    }

    /// Tables summed at embedding width, then norm and projection.
    fn forward_narrow<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        tokens: &[u32],
    ) -> (Vec<F>, EmbeddingCache<F>) {
        let cluster = &self.clusters[0];
        let (mut sum, tokens) = cluster.look_up(pass, rows, tokens);
        self.scale_tokens(pass, &mut sum);
        self.add_positions(pass, rows, &mut sum);
        let normed = self.norm.map(|norm| norm.forward(pass, rows, &sum));
        let narrow = normed.as_ref().map_or(&sum, |(y, _)| y);
        let x = match &cluster.projection {
            Some(projection) => projection.forward(pass, rows, narrow),
            None => {
                let mut x = pass.take(narrow.len());
                x.copy_from_slice(narrow);
                x
            }
        };
        let cache = EmbeddingCache {
            tokens: vec![tokens],
            sum: Some(sum),
            normed,
        };
        (x, cache)
    }

    /// Tokens projected cluster by cluster, then positions at model width.
    fn forward_wide<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        tokens: &[u32],
    ) -> (Vec<F>, EmbeddingCache<F>) {
        let mut x = pass.zeroed(rows.count() * self.width);
        let mut caches = Vec::with_capacity(self.clusters.len());
        for cluster in &self.clusters {
            let (lookup, mut cache) = cluster.look_up(pass, rows, tokens);
            match &cluster.projection {
                Some(projection) => {
                    let projected = projection.forward(pass, cache.rows(rows), &lookup);
                    scatter_add(&projected, &cache.members, &mut x);
                    pass.give([projected]);
                    cache.lookup = Some(lookup);
                }
                None => {
                    scatter_add(&lookup, &cache.members, &mut x);
                    pass.give([lookup]);
                }
            }
            caches.push(cache);
        }
        self.scale_tokens(pass, &mut x);
        self.add_positions(pass, rows, &mut x);
        let cache = EmbeddingCache {
            tokens: caches,
            sum: None,
            normed: None,
        };
        (x, cache)
    }

    /// Shows J, and every gradient of the input side; `shared` holds what the
    /// head has collected for tables and projections.
    pub(crate) fn backward<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        cache: EmbeddingCache<F>,
        shared: SharedGradients<F>,
        dx: Vec<F>,
    ) {
        for symbol in [Symbol::D, Symbol::J] {
            pass.show(outer_site(Role::Input, 0), symbol, rows, &dx);
        }
        match self.position_width {
            PositionWidth::Embedding => self.backward_narrow(pass, rows, cache, shared, dx),
            PositionWidth::Model | PositionWidth::None => {
                self.backward_wide(pass, rows, cache, shared, dx);
            }
        }
    }

    fn backward_narrow<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        cache: EmbeddingCache<F>,
        mut shared: SharedGradients<F>,
        dx: Vec<F>,
    ) {
        let cluster = &self.clusters[0];
        let EmbeddingCache {
            mut tokens,
            sum,
            normed,
        } = cache;
        let (Some(sum), Some(tokens)) = (sum, tokens.pop()) else {
            unreachable!("the narrow forward pass keeps the sum and one cluster");
        };
        let mut d = dx;
        if let Some(projection) = &cluster.projection {
            let narrow = normed.as_ref().map_or(&sum, |(y, _)| y);
            let shared = shared.projections[0].take();
            let dnarrow = projection.backward_shared(pass, rows, narrow, &d, shared);
            pass.give([std::mem::replace(&mut d, dnarrow)]);
        }
        if let (Some(norm), Some((y, statistics))) = (&self.norm, normed) {
            let dsum = norm.backward(pass, rows, &sum, statistics, &d);
            pass.give([y, std::mem::replace(&mut d, dsum)]);
        }
        pass.give([sum]);
        self.backward_positions(pass, rows, &d);
        self.scale_tokens(pass, &mut d);
        cluster.backward_lookup(pass, rows, &tokens, &d, shared.tables[0].take());
        pass.give([d]);
    }

    fn backward_wide<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        cache: EmbeddingCache<F>,
        mut shared: SharedGradients<F>,
        dx: Vec<F>,
    ) {
        self.backward_positions(pass, rows, &dx);
        let mut dtokens = dx;
        self.scale_tokens(pass, &mut dtokens);
        for (i, (cluster, cache)) in self.clusters.iter().zip(cache.tokens).enumerate().rev() {
            let mut d = pass.take(cache.members.len() * self.width);
            gather(&dtokens, &cache.members, &mut d);
            if let Some(projection) = &cluster.projection {
                let (rows, shared) = (cache.rows(rows), shared.projections[i].take());
                let lookup = cache.lookup.as_deref().unwrap_or(&[]);
                let dlookup = projection.backward_shared(pass, rows, lookup, &d, shared);
                pass.give([std::mem::replace(&mut d, dlookup)]);
            }
            cluster.backward_lookup(pass, rows, &cache, &d, shared.tables[i].take());
            pass.give([d]);
            if let Some(lookup) = cache.lookup {
                pass.give([lookup]);
            }
        }
        pass.give([dtokens]);
    }

    fn scale_tokens<F: Real>(&self, pass: &Pass<'_, F>, x: &mut [F]) {
        if let Some(factor) = self.token_scale {
            scale(pass.threads, x, F::of(factor));
        }
    }

    /// Adds the position rows, and segment 0, to every sequence.
    fn add_positions<F: Real>(&self, pass: &Pass<'_, F>, rows: Rows, x: &mut [F]) {
        let width = x.len() / rows.count();
        if let Some(positions) = self.positions {
            let first = &pass.weight(positions)[..rows.positions * width];
            for sequence in x.chunks_exact_mut(first.len()) {
                add(pass.threads, sequence, first);
            }
        }
        if let Some(segments) = self.segments {
            let first = &pass.weight(segments)[..width];
            for x in x.chunks_exact_mut(width) {
                add(Threads::ONE, x, first);
            }
        }
    }

    fn backward_positions<F: Real>(&self, pass: &mut Pass<'_, F>, rows: Rows, d: &[F]) {
        let width = d.len() / rows.count();
        if let Some(segments) = self.segments {
            let mut gradient = pass.zero_gradient(segments);
            add_column_sums(pass.threads, &mut gradient[..width], d);
            pass.show_gradient(segments, Some(outer_site(Role::Segment, 0)), gradient);
        }
        if let Some(positions) = self.positions {
            let mut gradient = pass.zero_gradient(positions);
            add_column_sums(pass.threads, &mut gradient[..rows.positions * width], d);
            pass.show_gradient(positions, Some(outer_site(Role::Position, 0)), gradient);
        }
    }
}

impl Cluster {
    /// The table's row of every token of the cluster. Shows A.
    fn look_up<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        tokens: &[u32],
    ) -> (Vec<F>, ClusterCache<F>) {
        let own = self.first..self.end;
        let (members, ids): (Vec<_>, Vec<_>) = (tokens.iter().enumerate())
            .map(|(row, &token)| (row, token as usize))
            .filter(|(_, token)| own.contains(token))
            .map(|(row, token)| (row, token - self.first))
            .unzip();
        let mut lookup = pass.take(members.len() * self.width);
        gather(pass.weight(self.table), &ids, &mut lookup);
        let cache = ClusterCache {
            members,
            ids,
            lookup: None,
        };
        pass.show(self.site, Symbol::A, cache.rows(rows), &lookup);
        (lookup, cache)
    }

    /// Shows D and the table.
    fn backward_lookup<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        cache: &ClusterCache<F>,
        d: &[F],
        shared: Option<Vec<F>>,
    ) {
        pass.show(self.site, Symbol::D, cache.rows(rows), d);
        if shared.is_none() && pass.takes_bands(self.table, self.site) {
            let tokens = || d.chunks_exact(self.width).zip(&cache.ids);
            pass.show_in_bands(self.table, self.site, self.width, |_, rows, band| {
                band.fill(F::zero());
                for (d, id) in tokens().filter(|(_, id)| rows.contains(id)) {
                    add_here(&mut band[(id - rows.start) * self.width..][..self.width], d);
                }
            });
            return;
        }
        let mut gradient = shared.unwrap_or_else(|| pass.zero_gradient(self.table));
        scatter_add(d, &cache.ids, &mut gradient);
        pass.show_gradient(self.table, Some(self.site), gradient);
    }
}

impl<F> ClusterCache<F> {
    /// (batch, positions) where all tokens are members, else (1, members).
    fn rows(&self, all: Rows) -> Rows {
        match self.members.len() == all.count() {
            true => all,
            false => Rows::picked(self.members.len()),
        }
    }
}
