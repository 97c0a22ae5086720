//! Expressions at every site, before an aggregate makes one number of them.
//!
//! A search that enumerates a whole space evaluates every branch of it once,
//! and combines branches by arithmetic of its own.

use lpzero_trace::Role;

use super::plan::{Compiler, Plan};
use super::site::{Machine, repeats};
use super::{Evaluator, TraceSource};
use crate::{Interner, Node, RoleSet, Type, TypeError, type_of};

/// A tensor expression at one site, on the complete columns of the sample that
/// matrix products are computed from.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteColumns {
    /// Index of the site in its trace.
    pub site: usize,
    /// (rows, columns), row-major.
    pub values: Vec<f32>,
    /// Number of sampled columns.
    pub columns: usize,
    /// Columns of the whole tensor.
    pub all_columns: f64,
}

impl SiteColumns {
    /// Weights `[t, d]` with which the mean of a matrix product follows from
    /// sums over the sampled columns:
    ///
    /// mean(Aᵀ B) = t · Σ_r (Σ_i A_ri) (Σ_i B_ri) + d · Σ_ri A_ri B_ri.
    ///
    /// The second sum is the diagonal, which a sample of few columns would
    /// overrate.
    pub fn mean_product_weights(&self) -> [f64; 2] {
        let columns = self.columns as f64;
        let repeats = repeats(self.columns, self.all_columns) as f64;
        let count = columns + repeats * columns * (columns - 1.0);
        [repeats / count, (1.0 - repeats) / count]
    }
}

impl Evaluator<'_> {
    /// The values of an expression that is one number per site, for every
    /// architecture in `architectures`: `(index of the site in its trace,
    /// value)` in the order of the sites, at all sites that an aggregate
    /// without a filter takes and that have what the expression needs. Values
    /// may be NaN or infinite.
    ///
    /// # Errors
    /// If the expression is not one number per site.
    pub fn site_values(
        &self,
        node: &Node,
        architectures: &[usize],
    ) -> Result<Vec<Vec<(usize, f64)>>, TypeError> {
        let of = type_of(node)?;
        if of != Type::Site {
            return Err(TypeError::Argument {
                operator: "site_values",
                expected: "one number per site",
                found: of,
            });
        }
        let plan = self.compile_at_sites(node)?;
        let values = architectures.iter().map(|architecture| {
            let Some(source) = self.source(*architecture) else {
                return Vec::new();
            };
            let mut machine = Machine::new(&source);
            source
                .unfiltered_sites()
                .filter_map(|site| Some((site, machine.at(&plan, site)?)))
                .collect()
        });
        Ok(values.collect())
    }

    /// A tensor expression at every site of one architecture that an aggregate
    /// without a filter takes and that has what the expression needs.
    ///
    /// # Errors
    /// If the expression is not a tensor.
    pub fn site_columns(
        &self,
        node: &Node,
        architecture: usize,
    ) -> Result<Vec<SiteColumns>, TypeError> {
        let of = type_of(node)?;
        if !matches!(of, Type::Tensor(_)) {
            return Err(TypeError::Argument {
                operator: "site_columns",
                expected: "a tensor",
                found: of,
            });
        }
        let plan = self.compile_at_sites(node)?;
        let Some(source) = self.source(architecture) else {
            return Ok(Vec::new());
        };
        let mut machine = Machine::new(&source);
        let columns = source.unfiltered_sites().filter_map(|site| {
            let (values, layout) = machine.columns(&plan, site)?;
            Some(SiteColumns {
                site,
                values,
                columns: layout.columns,
                all_columns: layout.all_columns,
            })
        });
        Ok(columns.collect())
    }

    /// The role of every site of one architecture, in the order of the sites; none
    /// where there is no such architecture.
    pub fn site_roles(&self, architecture: usize) -> Vec<Role> {
        let sites = self.source(architecture).map(|source| &source.trace.sites);
        let sites = sites.into_iter().flatten();
        sites.map(|site| site.site.role).collect()
    }

    fn compile_at_sites(&self, node: &Node) -> Result<Plan, TypeError> {
        let mut compiler = Compiler {
            aggregate: &mut |node| Some(self.aggregates.column(node)),
            reduction: &mut |node| Some(self.reductions.column(node)),
            slots: Interner::default(),
        };
        compiler.compile(node)
    }
}

impl TraceSource<'_> {
    /// Indices of the sites that an aggregate without a filter takes.
    fn unfiltered_sites(&self) -> impl Iterator<Item = usize> + '_ {
        let sites = self.trace.sites.iter().enumerate();
        sites
            .filter(|(_, site)| RoleSet::DEFAULT.contains(site.site.role))
            .map(|(index, _)| index)
    }
}
