//! Errors of the library as Python exceptions, with the same sentence.

use pyo3::PyErr;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyValueError};

pyo3::create_exception!(
    _lpzero,
    LpzeroError,
    PyValueError,
    "Something that lpzero was given cannot be used; the message says what and where."
);

/// An error of the library: wrong input, or the machine's fault, or an interruption.
pub fn raised(error: lpzero::Error) -> PyErr {
    let message = error.to_string();
    if error.is_cancelled() {
        PyKeyboardInterrupt::new_err(message)
    } else if error.is_input() {
        LpzeroError::new_err(message)
    } else {
        PyOSError::new_err(message)
    }
}

/// An input that is refused.
pub fn refused(message: impl std::fmt::Display) -> PyErr {
    LpzeroError::new_err(message.to_string())
}
