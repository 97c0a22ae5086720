//! Randomness as a function of (run seed, name).

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The generator of this crate.
pub type Stream = Xoshiro256PlusPlus;

/// The random stream called `name` of a run.
///
/// Streams of different names are independent, and a stream does not depend on
/// which other streams were drawn from, in which order or on which thread.
pub fn stream(seed: u64, name: &str) -> Stream {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(name.as_bytes());
    Stream::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use rand::RngCore;

    use super::stream;

    #[test]
    fn streams_depend_on_seed_and_name_only() {
        let draw = |seed, name| stream(seed, name).next_u64();
        assert_eq!(draw(0, "split"), draw(0, "split"));
        assert_ne!(draw(0, "split"), draw(1, "split"));
        assert_ne!(draw(0, "split"), draw(0, "bootstrap"));
    }
}
