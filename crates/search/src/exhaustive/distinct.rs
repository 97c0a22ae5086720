//! How many different rankings there are: counted while they are few, estimated
//! by HyperLogLog (Flajolet et al. 2007) when they are many.

/// Most rankings that are counted one by one: 64 MiB of hashes.
const MOST_EXACT: usize = 1 << 23;

/// Bits of a hash that choose a register of the sketch.
const PRECISION: u32 = 18;

const REGISTERS: usize = 1 << PRECISION;

/// Relative standard error of an estimate: 1.04 / sqrt(registers), 0.2 %.
pub(super) const STANDARD_ERROR: f64 = 1.04 / (1u64 << (PRECISION / 2)) as f64;

/// Different hashes. What it comes to does not depend on the order in which
/// they were met, or on how they were divided between parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Distinct {
    /// The hashes, of which the first ones are sorted and differ.
    Exact { hashes: Vec<u64>, sorted: usize },
    /// Per register the most leading zeros, plus one.
    Sketch(Box<[u8]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Exact {
            hashes: Vec::new(),
            sorted: 0,
        }
    }
}

impl Distinct {
    pub(super) fn insert(&mut self, hash: u64) {
        match self {
            Self::Exact { hashes, sorted } => {
                hashes.push(hash);
                if hashes.len() >= (2 * *sorted).max(1 << 16) {
                    self.settle(MOST_EXACT);
                }
            }
            Self::Sketch(registers) => register(registers, hash),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        match other {
            Self::Exact { hashes, .. } => hashes.into_iter().for_each(|hash| self.insert(hash)),
            Self::Sketch(theirs) => {
                let own = self.sketch();
                for (own, theirs) in own.iter_mut().zip(theirs) {
                    *own = (*own).max(theirs);
                }
            }
        }
    }

    /// Sorts, drops what is there twice, and goes over to a sketch where more
    /// than so many are left.
    pub(super) fn settle(&mut self, most: usize) {
        let Self::Exact { hashes, sorted } = self else {
            return;
        };
        hashes.sort_unstable();
        hashes.dedup();
        *sorted = hashes.len();
        if hashes.len() > most {
            self.sketch();
        }
    }

    /// Their number, and the relative standard error where it is an estimate.
    pub(super) fn count(&mut self) -> (u64, Option<f64>) {
        self.settle(MOST_EXACT);
        match self {
            Self::Exact { hashes, .. } => (hashes.len() as u64, None),
            Self::Sketch(registers) => (estimate(registers), Some(STANDARD_ERROR)),
        }
    }

    /// Goes over to a sketch, whatever the number.
    fn sketch(&mut self) -> &mut [u8] {
        if let Self::Exact { hashes, .. } = self {
            let mut registers = vec![0; REGISTERS].into_boxed_slice();
            for hash in hashes.iter() {
                register(&mut registers, *hash);
            }
            *self = Self::Sketch(registers);
        }
        match self {
            Self::Sketch(registers) => registers,
            Self::Exact { .. } => &mut [],
        }
    }

    /// A mark, a length and hashes or registers.
    pub(super) fn encode(&mut self, bytes: &mut Vec<u8>) {
        self.settle(MOST_EXACT);
        match self {
            Self::Exact { hashes, .. } => {
                bytes.push(0);
                bytes.extend((hashes.len() as u64).to_le_bytes());
                bytes.extend(hashes.iter().flat_map(|hash| hash.to_le_bytes()));
            }
            Self::Sketch(registers) => {
                bytes.push(1);
                bytes.extend((registers.len() as u64).to_le_bytes());
                bytes.extend_from_slice(registers);
            }
        }
    }

    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let [mark] = crate::record::take(bytes)?;
        let length = usize::try_from(u64::from_le_bytes(crate::record::take(bytes)?)).ok()?;
        match mark {
            0 => {
                let hashes = bytes.split_off(..length.checked_mul(8)?)?;
                let (hashes, _) = hashes.as_chunks::<8>();
                Some(Self::Exact {
                    hashes: hashes
                        .iter()
                        .map(|hash| u64::from_le_bytes(*hash))
                        .collect(),
                    sorted: length,
                })
            }
            1 if length == REGISTERS => Some(Self::Sketch(bytes.split_off(..length)?.into())),
            _ => None,
        }
    }
}

fn register(registers: &mut [u8], hash: u64) {
    let hash = mixed(hash);
    let rest = hash << PRECISION;
    let zeros = rest.leading_zeros().min(u64::BITS - PRECISION) as u8;
    let register = &mut registers[(hash >> (u64::BITS - PRECISION)) as usize];
    *register = (*register).max(zeros + 1);
}

/// Spreads a hash over all bits (the finalizer of splitmix64): the hash of a
/// ranking is the smaller of two.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The raw estimate: sketches begin far above where it is biased.
fn estimate(registers: &[u8]) -> u64 {
    let m = registers.len() as f64;
    let sum: f64 = registers.iter().map(|&r| (-f64::from(r)).exp2()).sum();
    let alpha = 0.7213 / (1.0 + 1.079 / m);
    (alpha * m * m / sum).round() as u64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn of(hashes: impl Iterator<Item = u64>) -> Distinct {
        let mut distinct = Distinct::default();
        hashes.for_each(|hash| distinct.insert(hash));
        distinct
    }

    #[test]
    fn few_are_counted() {
        let mut distinct = of((0..400_000).map(|i| i % 100_000));
        assert_eq!(distinct.count(), (100_000, None));
    }

    #[test]
    fn many_are_estimated_within_a_few_standard_errors() {
        for n in [2_000_000u64, 12_000_000] {
            let mut distinct = of(0..n);
            distinct.settle(1_000_000);
            let (count, error) = distinct.count();
            assert_eq!(error, Some(STANDARD_ERROR));
            let off = (count as f64 / n as f64 - 1.0).abs();
            assert!(off < 4.0 * STANDARD_ERROR, "{count} instead of {n}");
        }
    }

    #[test]
    fn parts_add_up_to_the_whole_in_any_order_and_through_bytes() {
        let parts = [of(0..50_000), of(30_000..90_000), of(10..20)];
        let sum = |order: [usize; 3], sketched: usize| {
            let mut sum = Distinct::default();
            for place in order {
                let mut part = parts[place].clone();
                if place == sketched {
                    part.settle(1);
                }
                let mut bytes = Vec::new();
                part.encode(&mut bytes);
                sum.add(Distinct::decode(&mut &bytes[..]).unwrap());
            }
            sum.count()
        };
        assert_eq!(sum([0, 1, 2], 9), (90_000, None));
        assert_eq!(sum([2, 0, 1], 9), (90_000, None));
        assert_eq!(sum([0, 1, 2], 1), sum([1, 2, 0], 1));
        assert!(sum([0, 1, 2], 1).1.is_some());
    }

    #[test]
    fn other_bytes_are_no_set() {
        for bytes in [
            &[][..],
            &[2; 9],
            &[0, 255, 255, 255, 255, 255, 255, 255, 255],
        ] {
            assert_eq!(Distinct::decode(&mut &bytes[..]), None);
        }
    }
}
