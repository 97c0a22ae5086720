//! The Python module `lpzero._lpzero`: the library behind the Python package.
//!
//! One file a subject: formulas ([`proxy`]), what a pass over somebody's module leaves
//! ([`trace`]), whole tensors of one ([`whole`]), and work that shows its progress and stops
//! when asked to ([`progress`]). What Python people call stands in `lpzero/*.py`.
#![forbid(unsafe_code)]

mod engine;
mod errors;
mod progress;
mod proxy;
mod reduce;
mod report;
mod site;
mod study;
mod table;
mod trace;
mod truth;
mod whole;

/// The declared module.
#[pyo3::pymodule]
mod _lpzero {
    #[pymodule_export]
    use crate::engine::{engine_scores, engine_trace, masked_positions};
    #[pymodule_export]
    use crate::errors::LpzeroError;
    #[pymodule_export]
    use crate::proxy::{Proxy, named_proxies};
    #[pymodule_export]
    use crate::reduce::{moments, pair_moments};
    #[pymodule_export]
    use crate::report::page;
    #[pymodule_export]
    use crate::site::{roles, scalars, sketch, symbols};
    #[pymodule_export]
    use crate::study::{
        common_positions, common_positions_of, compare, default_search, keep_rows, missing_rows,
        nas, rank, score, search, traces,
    };
    #[pymodule_export]
    use crate::table::arrow_stream;
    #[pymodule_export]
    use crate::trace::{Recording, Trace};
    #[pymodule_export]
    use crate::truth::Truth;
    #[pymodule_export]
    use crate::whole::Whole;
}
