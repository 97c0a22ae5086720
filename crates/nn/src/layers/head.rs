//! The output head: adaptive softmax (Grave et al. 2017) over the clusters of
//! the embedding, whose tables it shares. A plain tied head is the case of one
//! cluster without bias and projection, and a free one has a table of its own.

use lpzero_arch::{Architecture, Head as Description};

use super::classifier::{Classes, Gradient, cross_entropy, is_one_slice};
use super::{Embedding, SharedGradients, gather, outer_site, scatter_add};
use crate::kernels::matrix::{Into, Matrix, MatrixMut, product};
use crate::parameters::{Declarations, Initial, ParameterId};
use crate::pass::{Pass, Rows};
use crate::{Real, Role, Symbol};

/// A projection from model width to a cluster's width, stored (model width,
/// cluster width).
#[derive(Clone, Copy, Debug)]
enum Projection {
    Own(ParameterId),
    /// The one of this embedding cluster.
    Shared(ParameterId, usize),
}

/// Scores of the tokens `first..end`.
#[derive(Clone, Debug)]
struct Cluster {
    first: usize,
    end: usize,
    /// Which table holds these tokens, and from which row on.
    table: usize,
    row: usize,
    width: usize,
    projection: Option<Projection>,
}

/// Scores of every token, and their cross-entropy.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    clusters: Vec<Cluster>,
    /// Token tables: the embedding's, unless the head is free.
    tables: Vec<ParameterId>,
    free: bool,
    /// Weight (clusters - 1, E) and bias of the entries that stand for
    /// clusters 1, 2, ... among the scores of cluster 0.
    entries: Option<(ParameterId, ParameterId)>,
    /// One per token.
    bias: Option<ParameterId>,
    /// C.
    width: usize,
}

/// Declares the projections that clusters do not share, and says where their tables
/// stand.
fn declare_clusters(
    declarations: &mut Declarations,
    architecture: &Architecture,
    embedding: &Embedding,
    tied: &[bool],
    cutoffs: &[usize],
) -> Vec<Cluster> {
    let width = architecture.width;
    let free = architecture.head == Description::Free;
    let mut first = 0;
    (cutoffs.iter().enumerate())
        .map(|(i, &end)| {
            let first = std::mem::replace(&mut first, end);
            let (table, row) = match embedding.clusters() {
                1 => (0, first),
                _ => (i, 0),
            };
            let table_width = match free {
                true => width,
                false => embedding.table(table).1,
            };
            let projection = match embedding.projection(table) {
                None => None,
                Some(_) if free => None,
                Some(shared) if tied[i] => Some(Projection::Shared(shared, table)),
                Some(_) => Some(Projection::Own(declarations.declare(
                    format!("head.{i}.projection"),
                    &[width, table_width],
                    Initial::Normal {
                        deviation: architecture.initialisation.projection,
                    },
                ))),
            };
            Cluster {
                first,
                end,
                table,
                row,
                width: table_width,
                projection,
            }
        })
        .collect()
}

impl Head {
    /// Declares what the head does not share; `None` for headless networks.
    pub(crate) fn declare(
        declarations: &mut Declarations,
        architecture: &Architecture,
        embedding: &Embedding,
    ) -> Option<Self> {
        let width = architecture.width;
        let (tied, cutoffs): (&[bool], &[usize]) = match &architecture.head {
            Description::None => return None,
            Description::Tied | Description::Free => (&[true], &[architecture.vocabulary]),
            Description::Adaptive { tied_projections } => {
                (tied_projections, &architecture.embedding.cutoffs)
            }
        };
        let free = architecture.head == Description::Free;
        let adaptive = matches!(architecture.head, Description::Adaptive { .. });
        let clusters = declare_clusters(declarations, architecture, embedding, tied, cutoffs);
        let further = clusters.len() - 1;
        let entries = (further > 0).then(|| {
            let weight = declarations.declare(
                "head.cluster.weight".into(),
                &[further, architecture.embedding.width],
                Initial::Normal {
                    deviation: architecture.initialisation.weight,
                },
            );
            let bias = declarations.declare("head.cluster.bias".into(), &[further], Initial::Zeros);
            (weight, bias)
        });
        let bias = adaptive.then(|| {
            let shape = [architecture.vocabulary];
            declarations.declare("head.bias".into(), &shape, Initial::Zeros)
        });
        let tables = match free {
            true => vec![declarations.declare(
                "head.weight".into(),
                &[architecture.vocabulary, width],
                Initial::Normal {
                    deviation: architecture.initialisation.weight,
                },
            )],
            false => (0..embedding.clusters())
                .map(|i| embedding.table(i).0)
                .collect(),
        };
        Some(Head {
            clusters,
            tables,
            free,
            entries,
            bias,
            width,
        })
    }

    /// Whether it has a table of its own.
    pub(crate) fn is_free(&self) -> bool {
        self.free
    }

    /// Mean cross-entropy of one target token per row of `hidden` (rows, C),
    /// and its gradient with respect to `hidden`; that of each is written to
    /// `losses`. Shows every tensor of the head; gradients of shared weights go to
    /// `shared`.
    pub(crate) fn loss<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        rows: Rows,
        hidden: &[F],
        (targets, losses): (&[u32], &mut [f64]),
        shared: &mut SharedGradients<F>,
    ) -> (f64, Vec<F>) {
        let mut dbias = self.bias.map(|bias| pass.zero_gradient(bias));
        let (mut loss, mut dhidden) = self.cluster_loss(
            pass,
            (0, rows),
            (hidden, &self.entries_of(targets), targets.len()),
            losses,
            dbias.as_deref_mut(),
            shared,
        );
        for i in 1..self.clusters.len() {
            let (members, classes) = self.members(targets, i);
            let mut inputs = pass.take(members.len() * self.width);
            let mut of_members = vec![0.0; members.len()];
            gather(hidden, &members, &mut inputs);
            let (cluster_loss, dinputs) = self.cluster_loss(
                pass,
                (i, Rows::picked(members.len())),
                (&inputs, &classes, targets.len()),
                &mut of_members,
                dbias.as_deref_mut(),
                shared,
            );
            loss += cluster_loss;
            for (&member, loss) in members.iter().zip(of_members) {
                losses[member] += loss;
            }
            scatter_add(&dinputs, &members, &mut dhidden);
            pass.give([inputs, dinputs]);
        }
        if let (Some(bias), Some(gradient)) = (self.bias, dbias) {
            pass.show_gradient(bias, None, gradient);
        }
        (loss / targets.len() as f64, dhidden)
    }

    /// The class of every target in cluster 0: its token, or the entry of the
    /// further cluster that holds it.
    fn entries_of(&self, targets: &[u32]) -> Vec<u32> {
        let end = self.clusters[0].end;
        let class = |&target: &u32| {
            let further = self.clusters[1..]
                .iter()
                .take_while(|cluster| target as usize >= cluster.first)
                .count();
            match further {
                0 => target,
                // The entry of cluster 1 follows the last token of cluster 0.
                _ => (end + further - 1) as u32,
            }
        };
        targets.iter().map(class).collect()
    }

    /// The rows whose target a further cluster holds, and each one's class in
    /// it.
    fn members(&self, targets: &[u32], i: usize) -> (Vec<usize>, Vec<u32>) {
        let Cluster { first, end, .. } = self.clusters[i];
        let own = |&(_, &target): &(usize, &u32)| (first..end).contains(&(target as usize));
        (targets.iter().enumerate())
            .filter(own)
            .map(|(row, &target)| (row, target - first as u32))
            .unzip()
    }

    /// Summed cross-entropy of one cluster, and the gradient of the mean over
    /// `predictions` with respect to its inputs (rows, C).
    fn cluster_loss<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        (i, rows): (usize, Rows),
        (inputs, targets, predictions): (&[F], &[u32], usize),
        losses: &mut [f64],
        dbias: Option<&mut [F]>,
        shared: &mut SharedGradients<F>,
    ) -> (f64, Vec<F>) {
        let cluster = &self.clusters[i];
        let site = outer_site(Role::Head, i);
        let entries = self.entries.filter(|_| i == 0);
        let projected = self.project(pass, (i, rows), inputs);
        let narrow = projected.as_deref().unwrap_or(inputs);

        // The clusters' rows together are the whole table, so that its
        // gradient needs no zeros to begin with.
        // It is as large as a block of a large network: one that others add nothing to
        // need not be whole, and a pass without a backward half has none.
        let table = self.tables[cluster.table];
        let differentiated = pass.is_differentiated();
        let scores = cluster.end - cluster.first;
        let in_bands = self.free
            && differentiated
            && pass.takes_bands(table, site)
            && is_one_slice(pass, (site, rows), scores);
        let mut gradient = || match differentiated && !in_bands {
            true => pass.gradient(table),
            false => Vec::new(),
        };
        let mut free = self.free.then(&mut gradient);
        let dtable = match &mut free {
            Some(gradient) => gradient,
            None => shared.tables[cluster.table].get_or_insert_with(gradient),
        };
        let own = cluster.row * cluster.width..;
        let size = scores * cluster.width;
        let mut dentries = entries.map(|(weight, bias)| [weight, bias].map(|id| pass.gradient(id)));
        let mut classes = vec![Classes {
            weight: (
                &pass.weight(table)[own.clone()][..size],
                match (in_bands, differentiated) {
                    (true, _) => Gradient::Bands(table),
                    (false, true) => Gradient::Whole(&mut dtable[own][..size]),
                    (false, false) => Gradient::Whole(&mut []),
                },
            ),
            bias: (self.bias.zip(dbias)).map(|(bias, dbias)| {
                let own = cluster.first..cluster.end;
                (&pass.weight(bias)[own.clone()], &mut dbias[own])
            }),
        }];
        if let (Some((weight, bias)), Some([dweight, dbias])) = (entries, &mut dentries) {
            classes.push(Classes {
                weight: (pass.weight(weight), Gradient::Whole(dweight)),
                bias: Some((pass.weight(bias), dbias)),
            });
        }
        let (loss, dnarrow) = cross_entropy(
            pass,
            (site, rows),
            (narrow, cluster.width),
            &mut classes,
            (targets, 1.0 / predictions as f64),
            losses,
        );
        if let Some(gradient) = free.filter(|_| differentiated && !in_bands) {
            pass.show_gradient(table, Some(site), gradient);
        }
        if let (Some((weight, bias)), Some([dweight, dbias])) = (entries, dentries) {
            pass.show_gradient(weight, Some(site), dweight);
            pass.show_gradient(bias, None, dbias);
        }
        let Some(projected) = projected else {
            return (loss, dnarrow);
        };
        let dinputs = self.backward_projection(pass, (i, rows), inputs, &dnarrow, shared);
        pass.give([projected, dnarrow]);
        (loss, dinputs)
    }

    /// The inputs at the width of cluster `i`; `None` where they already are.
    fn project<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        (i, rows): (usize, Rows),
        inputs: &[F],
    ) -> Option<Vec<F>> {
        let cluster = &self.clusters[i];
        let projection = cluster.projection?;
        let site = outer_site(Role::HeadProjection, i);
        let (Projection::Own(weight) | Projection::Shared(weight, _)) = projection;
        let own = matches!(projection, Projection::Own(_));
        if own {
            pass.show(site, Symbol::X, rows, inputs);
        }
        let mut projected = pass.take(rows.count() * cluster.width);
        product(
            pass.threads,
            MatrixMut::new(&mut projected, cluster.width),
            Into::Fresh,
            F::one(),
            Matrix::new(inputs, self.width),
            Matrix::new(pass.weight(weight), cluster.width),
        );
        if own {
            pass.show(site, Symbol::A, rows, &projected);
        }
        Some(projected)
    }

    /// The adjoint of [`project`](Self::project).
    fn backward_projection<F: Real>(
        &self,
        pass: &mut Pass<'_, F>,
        (i, rows): (usize, Rows),
        inputs: &[F],
        dprojected: &[F],
        shared: &mut SharedGradients<F>,
    ) -> Vec<F> {
        let cluster = &self.clusters[i];
        let site = outer_site(Role::HeadProjection, i);
        let Some(projection) = cluster.projection else {
            unreachable!("only projected inputs come back here");
        };
        let (Projection::Own(weight) | Projection::Shared(weight, _)) = projection;
        let d = Matrix::new(dprojected, cluster.width);
        let threads = pass.threads;
        let accumulate = |gradient: &mut [F]| {
            product(
                threads,
                MatrixMut::new(gradient, cluster.width),
                Into::Sum,
                F::one(),
                Matrix::new(inputs, self.width).transposed(),
                d,
            );
        };
        match projection {
            Projection::Own(_) => {
                pass.show(site, Symbol::D, rows, dprojected);
                let mut gradient = pass.zero_gradient(weight);
                accumulate(&mut gradient);
                pass.show_gradient(weight, Some(site), gradient);
            }
            Projection::Shared(_, owner) => accumulate(
                shared.projections[owner].get_or_insert_with(|| pass.zero_gradient(weight)),
            ),
        }
        let mut dinputs = pass.take(inputs.len());
        product(
            pass.threads,
            MatrixMut::new(&mut dinputs, self.width),
            Into::Fresh,
            F::one(),
            d,
            Matrix::new(pass.weight(weight), cluster.width).transposed(),
        );
        dinputs
    }
}
