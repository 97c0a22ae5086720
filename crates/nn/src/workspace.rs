//! Buffers that outlive a pass, so that the next one need not ask the system.

use std::collections::VecDeque;
use std::sync::Arc;

use lpzero_arch::Transform;
use rayon::ThreadPool;

use crate::Real;
use crate::kernels::fourier::Spectrum;
use crate::kernels::memory::prefer_large_pages;

/// Buffers and threads that passes share, one after the other, whatever the architecture.
///
/// A workspace never holds more memory than the largest pass it has served needed, or was said
/// to need.
#[derive(Debug, Default)]
pub struct Workspace<F> {
    /// Free buffers, longest unused first.
    free: VecDeque<Vec<F>>,
    /// Elements in `free`.
    held: usize,
    /// Elements handed out.
    live: usize,
    /// The most elements ever handed out at once.
    peak: usize,
    spectra: VecDeque<Spectra<F>>,
    pool: Option<Arc<ThreadPool>>,
    frugal: bool,
}

#[derive(Debug)]
struct Spectra<F> {
    transform: Transform,
    positions: usize,
    head_width: usize,
    spectrum: Arc<Spectrum<F>>,
}

/// How many transform tables are kept.
const SPECTRA: usize = 8;

impl<F: Real> Workspace<F> {
    /// For passes on the calling thread.
    pub fn new() -> Self {
        Workspace::default()
    }

    /// For passes that share the threads of a pool: for large networks. The
    /// results are the same to the bit.
    pub fn on(pool: Arc<ThreadPool>) -> Self {
        Workspace {
            pool: Some(pool),
            ..Workspace::default()
        }
    }

    /// For networks that would not fit otherwise: a pass keeps of every block its
    /// input alone, and computes the rest again when the backward pass comes by.
    /// That costs less than a third of its time; the results are the same to the bit.
    #[must_use]
    pub fn frugal(self) -> Self {
        Workspace {
            frugal: true,
            ..self
        }
    }

    /// Whether passes save memory at the cost of time.
    pub(crate) fn is_frugal(&self) -> bool {
        self.frugal
    }

    /// The threads that passes share.
    pub(crate) fn pool(&self) -> Option<Arc<ThreadPool>> {
        self.pool.clone()
    }

    /// Says that a pass will need this many elements at once: until then, buffers of
    /// its earlier parts are kept for its later ones.
    pub(crate) fn expect(&mut self, elements: usize) {
        self.peak = self.peak.max(elements);
    }

    /// A buffer with unspecified contents.
    pub(crate) fn take(&mut self, length: usize) -> Vec<F> {
        let fits =
            |buffer: &Vec<F>| (length..=length.saturating_mul(2)).contains(&buffer.capacity());
        let best = (0..self.free.len())
            .filter(|&i| fits(&self.free[i]))
            .min_by_key(|&i| self.free[i].capacity());
        let recycled = best.and_then(|i| self.free.remove(i));
        let mut buffer = match recycled {
            Some(buffer) => {
                self.held -= buffer.capacity();
                buffer
            }
            None => {
                while self.live + self.held + length > self.peak
                    && let Some(oldest) = self.free.pop_front()
                {
                    self.held -= oldest.capacity();
                }
                let mut buffer = vec![F::zero(); length];
                prefer_large_pages(&mut buffer);
                buffer
            }
        };
        self.live += buffer.capacity();
        self.peak = self.peak.max(self.live);
        buffer.resize(length, F::zero());
        buffer
    }

    /// A buffer of zeros.
    pub(crate) fn zeroed(&mut self, length: usize) -> Vec<F> {
        let mut buffer = self.take(length);
        buffer.fill(F::zero());
        buffer
    }

    /// Takes a buffer back.
    pub(crate) fn give(&mut self, buffer: Vec<F>) {
        if buffer.capacity() == 0 {
            return;
        }
        self.live = self.live.saturating_sub(buffer.capacity());
        self.held += buffer.capacity();
        self.free.push_back(buffer);
    }

    /// The tables of a transform.
    pub(crate) fn spectrum(
        &mut self,
        transform: Transform,
        positions: usize,
        head_width: usize,
    ) -> Arc<Spectrum<F>> {
        let known = self.spectra.iter().find(|known| {
            (known.transform, known.positions, known.head_width)
                == (transform, positions, head_width)
        });
        if let Some(known) = known {
            return Arc::clone(&known.spectrum);
        }
        if self.spectra.len() == SPECTRA {
            self.spectra.pop_front();
        }
        let spectrum = Arc::new(Spectrum::new(transform, positions, head_width));
        self.spectra.push_back(Spectra {
            transform,
            positions,
            head_width,
            spectrum: Arc::clone(&spectrum),
        });
        spectrum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_reused_and_memory_stays_within_the_peak() {
        let mut workspace = Workspace::<f32>::new();
        let (a, b) = (workspace.take(1000), workspace.take(600));
        let address = a.as_ptr();
        workspace.give(a);
        workspace.give(b);
        let a = workspace.take(900);
        assert_eq!((a.as_ptr(), a.len()), (address, 900));
        workspace.give(a);
        for length in [1300, 17, 400, 1500] {
            let x = workspace.zeroed(length);
            assert!(x.len() == length && x.iter().all(|&x| x == 0.0));
            workspace.give(x);
            assert!(workspace.held <= 1600, "{}", workspace.held);
        }
    }
}
