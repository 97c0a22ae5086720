//! Long work on a thread of its own: without the interpreter's lock, with progress, and
//! stopped when Python is.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use lpzero::{Error, Event, Watch};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::errors::raised;

/// How often signals are looked at.
const TICK: Duration = Duration::from_millis(50);

/// What the work tells the thread that waits for it.
enum Said {
    /// Share done, from 0 to 1, and task with detail.
    Progress(f64, String),
    Warning(String),
}

/// Does `work` under a watch. `progress` is called with (share done, total 1, message) and
/// `warn` with a sentence, both on the calling thread. An exception of theirs, or of a
/// signal, stops the work and is raised when it has ended.
pub fn follow<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    warn: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(Watch) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let (tell, told) = mpsc::channel();
    let watch = Watch::new(move |event: Event<'_>| {
        // Whoever waits has gone only when the work has ended.
        let _ = match event {
            Event::Progress { task, done, detail } => {
                tell.send(Said::Progress(done, format!("{task}  {detail}")))
            }
            Event::Warning(message) => tell.send(Said::Warning(message.to_owned())),
            Event::Ended { .. } => Ok(()),
        };
    });
    let (finish, mut finished) = mpsc::channel();
    thread::scope(|scope| {
        let of_work = watch.clone();
        let worker = move || {
            let _ = finish.send(work(of_work));
        };
        // Formulas nest: as much stack as the command has.
        let thread = thread::Builder::new().stack_size(64 << 20);
        let started = thread.spawn_scoped(scope, worker);
        started.map_err(|error| PyRuntimeError::new_err(format!("cannot start: {error}")))?;
        let mut raised_here: Option<PyErr> = None;
        loop {
            // A receiver may be moved to another thread, not shared: so by its only borrow.
            let receiver = &mut finished;
            let ended = py.detach(move || receiver.recv_timeout(TICK));
            if raised_here.is_none() {
                let said: Vec<Said> = told.try_iter().collect();
                if let Err(error) = tell_python(py, progress, warn, &said) {
                    watch.cancel();
                    raised_here = Some(error);
                }
            }
            match (ended, raised_here.take()) {
                (Ok(_), Some(error)) => return Err(error),
                (Ok(outcome), None) => return outcome.map_err(raised),
                (Err(RecvTimeoutError::Timeout), kept) => raised_here = kept,
                (Err(RecvTimeoutError::Disconnected), _) => {
                    return Err(PyRuntimeError::new_err("the work ended without an outcome"));
                }
            }
        }
    })
}

/// Calls back, and looks at signals.
fn tell_python(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    warn: Option<&Bound<'_, PyAny>>,
    said: &[Said],
) -> PyResult<()> {
    let warnings = said.iter().filter_map(|said| match said {
        Said::Warning(message) => Some(message),
        Said::Progress(..) => None,
    });
    if let Some(warn) = warn {
        for message in warnings {
            warn.call1((message,))?;
        }
    }
    // Of several, the last says it all.
    let last = said.iter().rev().find_map(|said| match said {
        Said::Progress(done, message) => Some((done, message)),
        Said::Warning(_) => None,
    });
    if let (Some(progress), Some((done, message))) = (progress, last) {
        progress.call1((*done, 1.0, message))?;
    }
    py.check_signals()
}
