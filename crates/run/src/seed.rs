//! Randomness as a function of (seed of the run, name of the thing).
//!
//! Streams of different names are independent. A stream does not depend on which others
//! were drawn from, in which order or on which thread.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The generator of everything random.
pub type Stream = Xoshiro256PlusPlus;

/// The random stream called `name` of a run.
pub fn stream(seed: u64, name: &str) -> Stream {
    Stream::from_seed(hash(&[&seed.to_le_bytes(), name.as_bytes()]))
}

/// The random stream of one of many things called `name`, such as a document.
pub fn numbered(seed: u64, name: &str, number: u64) -> Stream {
    Stream::from_seed(numbered_hash(seed, name, number))
}

/// A seed made of a seed, for one of many things called `name`.
pub fn derived(seed: u64, name: &str, number: u64) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = numbered_hash(seed, name, number);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn numbered_hash(seed: u64, name: &str, number: u64) -> [u8; 32] {
    hash(&[&seed.to_le_bytes(), &number.to_le_bytes(), name.as_bytes()])
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use rand::RngCore;

    use super::*;

    #[test]
    fn streams_depend_on_seed_and_name_only() {
        let draw = |seed, name| stream(seed, name).next_u64();
        assert_eq!(draw(0, "split"), draw(0, "split"));
        assert_ne!(draw(0, "split"), draw(1, "split"));
        assert_ne!(draw(0, "split"), draw(0, "bootstrap"));
    }

    #[test]
    fn numbered_streams_differ_by_their_number_too() {
        let draw = |name, number| numbered(0, name, number).next_u64();
        assert_eq!(draw("document", 1), draw("document", 1));
        assert_ne!(draw("document", 1), draw("document", 2));
        assert_ne!(draw("document", 1), draw("weights", 1));
        assert_eq!(derived(3, "weights", 1), derived(3, "weights", 1));
        assert_ne!(derived(3, "weights", 1), derived(4, "weights", 1));
    }

    /// Recorded results hang on these.
    #[test]
    fn the_first_numbers_are_what_they_always_were() {
        let first = [
            stream(0, "split").next_u64(),
            numbered(0, "split", 0).next_u64(),
            derived(0, "split", 0),
        ];
        let always = [
            8_999_896_225_532_846_836,
            10_001_189_861_251_577_741,
            7_396_966_409_342_420_703,
        ];
        assert_eq!(first, always);
    }
}
