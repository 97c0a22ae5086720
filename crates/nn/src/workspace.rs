//! Buffers that outlive a pass, so that the next one need not ask the system.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use lpzero_arch::Transform;
use lpzero_run::Cancel;
use rayon::ThreadPool;

use crate::kernels::fourier::Spectrum;
use crate::kernels::memory::prefer_large_pages;
use crate::{Error, Real};

/// Buffers and threads that passes share, one after the other, whatever the architecture.
///
/// A workspace never holds more memory than the largest pass it has served needed, or was said
/// to need.
#[derive(Debug)]
pub struct Workspace<F> {
    free: Free<F>,
    /// Elements handed out.
    live: usize,
    /// The most elements ever handed out at once.
    peak: usize,
    spectra: VecDeque<Spectra<F>>,
    pool: Option<Arc<ThreadPool>>,
    frugal: bool,
    cancel: Cancel,
}

/// Free buffers. A network of thousands of blocks leaves as many of them, so that none
/// is looked for one by one.
#[derive(Debug)]
struct Free<F> {
    /// By capacity, then by how long they are unused.
    buffers: BTreeMap<(usize, u64), Vec<F>>,
    /// Capacity of each by when it was given back, longest unused first.
    capacities: BTreeMap<u64, usize>,
    /// When the next one is given back.
    now: u64,
    /// Elements in all of them.
    held: usize,
}

impl<F> Default for Free<F> {
    fn default() -> Self {
        Free {
            buffers: BTreeMap::new(),
            capacities: BTreeMap::new(),
            now: 0,
            held: 0,
        }
    }
}

impl<F> Free<F> {
    fn give(&mut self, buffer: Vec<F>) {
        let capacity = buffer.capacity();
        self.held += capacity;
        self.capacities.insert(self.now, capacity);
        self.buffers.insert((capacity, self.now), buffer);
        self.now += 1;
    }

    /// The smallest buffer that is long enough, and at most twice as long.
    fn take(&mut self, length: usize) -> Option<Vec<F>> {
        let fits = (length, 0)..=(length.saturating_mul(2), u64::MAX);
        let (&key, _) = self.buffers.range(fits).next()?;
        self.remove(key)
    }

    /// Frees the buffer that was unused for longest.
    fn free_oldest(&mut self) -> bool {
        let oldest = self.capacities.first_key_value();
        let oldest = oldest.map(|(&since, &capacity)| (capacity, since));
        oldest.and_then(|key| self.remove(key)).is_some()
    }

    fn remove(&mut self, (capacity, since): (usize, u64)) -> Option<Vec<F>> {
        self.held -= self.capacities.remove(&since)?;
        self.buffers.remove(&(capacity, since))
    }
}

impl<F> Default for Workspace<F> {
    fn default() -> Self {
        Workspace {
            free: Free::default(),
            live: 0,
            peak: 0,
            spectra: VecDeque::new(),
            pool: None,
            frugal: false,
            cancel: Cancel::NEVER,
        }
    }
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

    /// For work that this flag stops, after the block of a network that is under way.
    #[must_use]
    pub fn stopped_by(self, cancel: &Cancel) -> Self {
        let cancel = cancel.clone();
        Workspace { cancel, ..self }
    }

    /// From now on for work that this flag stops.
    pub fn stop_with(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
    }

    /// The flag that stops its passes.
    pub fn flag(&self) -> &Cancel {
        &self.cancel
    }

    /// [`Error::Cancelled`] where the flag is raised.
    pub(crate) fn check_cancelled(&self) -> Result<(), Error> {
        match self.cancel.is_cancelled() {
            true => Err(Error::Cancelled),
            false => Ok(()),
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
        let mut buffer = match self.free.take(length) {
            Some(buffer) => buffer,
            None => {
                while self.live + self.free.held + length > self.peak && self.free.free_oldest() {}
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
        self.free.give(buffer);
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
    fn a_buffer_is_found_among_a_hundred_thousand_at_once() {
        let mut workspace = Workspace::<f32>::new();
        let buffers: Vec<_> = (0..100_000).map(|i| workspace.take(100 + i % 7)).collect();
        buffers
            .into_iter()
            .for_each(|buffer| workspace.give(buffer));
        let start = std::time::Instant::now();
        for i in 0..100_000 {
            let buffer = workspace.take(100 + i % 7);
            assert_eq!(buffer.capacity(), 100 + i % 7);
        }
        // One after the other takes minutes.
        assert!(start.elapsed().as_secs() < 5);
    }

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
            assert!(workspace.free.held <= 1600, "{}", workspace.free.held);
        }
    }
}
