//! Randomness as a function of (seed, name, number).

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The generator of this crate.
pub(crate) type Stream = Xoshiro256PlusPlus;

/// The random stream called `name`, of which there is one per number.
pub(crate) fn stream(seed: u64, name: &str, number: u64) -> Stream {
    Stream::from_seed(hash(seed, name, number))
}

/// A seed made of a seed.
pub(crate) fn seed(seed: u64, name: &str, number: u64) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash(seed, name, number);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn hash(seed: u64, name: &str, number: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(name.as_bytes());
    *hasher.finalize().as_bytes()
}
