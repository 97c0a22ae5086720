//! Randomness as a function of (seed, name).

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The random stream called `name` of a seed, independent of all others.
pub(crate) fn stream(seed: u64, name: &str) -> Xoshiro256PlusPlus {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(name.as_bytes());
    Xoshiro256PlusPlus::from_seed(*hasher.finalize().as_bytes())
}
