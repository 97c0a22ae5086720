//! A share of a run: several processes, perhaps on several machines, do its pieces.
//!
//! Pieces are pure functions of the inputs and a number, so any process may do any piece, and
//! two that do the same one write the same value. A shard names which ones a process does.

use std::fmt;
use std::str::FromStr;

/// Most shards of one run.
pub const MOST_SHARDS: u32 = 1_000_000;

/// One of several shares of a run, counted from 1: `3/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    number: u32,
    of: u32,
}

/// Variables that tell a process of a job array its number, and how to learn of how many. The
/// innermost system first: HyperQueue and Kubernetes also run inside of tasks of Slurm, whose
/// variables are there then, too.
const ARRAYS: [Array; 3] = [
    Array {
        system: "HyperQueue",
        number: "HQ_TASK_ID",
        first: None,
        last: None,
        count: Some("LPZERO_SHARDS"),
    },
    Array {
        system: "Kubernetes",
        number: "JOB_COMPLETION_INDEX",
        first: None,
        last: None,
        count: Some("LPZERO_SHARDS"),
    },
    Array {
        system: "Slurm",
        number: "SLURM_ARRAY_TASK_ID",
        first: Some("SLURM_ARRAY_TASK_MIN"),
        last: Some("SLURM_ARRAY_TASK_MAX"),
        count: None,
    },
];

/// How a scheduler numbers the tasks of an array.
struct Array {
    system: &'static str,
    number: &'static str,
    first: Option<&'static str>,
    last: Option<&'static str>,
    count: Option<&'static str>,
}

impl Shard {
    /// Share `number` of `of`, from 1; `None` where there is no such.
    pub fn new(number: u32, of: u32) -> Option<Self> {
        ((1..=of).contains(&number) && of <= MOST_SHARDS).then_some(Self { number, of })
    }

    /// The share of a task of a job array of Slurm, HyperQueue or Kubernetes, by its
    /// variables. The latter two do not say how many tasks there are, so `LPZERO_SHARDS` does.
    ///
    /// # Errors
    /// Which variables are missing, in a sentence.
    pub fn of_array(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let Some(array) = ARRAYS.iter().find(|array| variable(array.number).is_some()) else {
            let names = ARRAYS.map(|array| array.number).join(", ");
            return Err(format!("not a task of an array: none of {names} is set"));
        };
        let number = |name: &str| {
            let text = variable(name).ok_or_else(|| {
                let (system, number) = (array.system, array.number);
                format!("{number} is set ({system}), but {name} is not")
            })?;
            let whole = text.trim().parse::<u32>();
            whole.map_err(|_| format!("{name} is {text:?}, expected a whole number"))
        };
        let task = number(array.number)?;
        let first = array.first.map_or(Ok(0), number)?;
        let of = match (array.last, array.count) {
            (Some(last), _) => number(last)?
                .checked_sub(first)
                .and_then(|n| n.checked_add(1)),
            (None, Some(count)) => Some(number(count)?),
            (None, None) => None,
        };
        let place = task.checked_sub(first).and_then(|n| n.checked_add(1));
        let shard = place.zip(of).and_then(|(place, of)| Self::new(place, of));
        shard.ok_or_else(|| format!("{} is {task}, beyond the tasks of the array", array.number))
    }

    /// The name of its writer in a journal.
    pub fn writer(self) -> String {
        format!("shard-{}-of-{}", self.number, self.of)
    }

    /// Whether it does piece `index` of those that do not differ in length.
    pub fn takes(self, index: usize) -> bool {
        index as u64 % u64::from(self.of) == u64::from(self.number - 1)
    }

    /// Which of some pieces it does, by how long each takes: the longest are dealt first, there
    /// and back, so that shares take about as long.
    pub fn of_lengths(self, lengths: &[f64]) -> Vec<bool> {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by(|&a, &b| lengths[b].total_cmp(&lengths[a]).then(a.cmp(&b)));
        let (of, own) = (self.of as usize, self.number as usize - 1);
        let mut takes = vec![false; lengths.len()];
        for (rank, index) in order.into_iter().enumerate() {
            let (round, place) = (rank / of, rank % of);
            let dealt = if round % 2 == 0 {
                place
            } else {
                of - 1 - place
            };
            takes[index] = dealt == own;
        }
        takes
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(number, of)| {
            Self::new(number.trim().parse().ok()?, of.trim().parse().ok()?)
        });
        parts.ok_or_else(|| format!("{text:?}: expected a share such as 3/8, counted from 1"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shards_do_every_piece_once() {
        let lengths: Vec<f64> = (0..23).map(|i| f64::from(i * 7 % 11)).collect();
        for of in [1, 2, 5, 30] {
            let shards = (1..=of).map(|number| Shard::new(number, of).unwrap());
            let shards: Vec<Shard> = shards.collect();
            for index in 0..lengths.len() {
                let once = |taken: &dyn Fn(Shard) -> bool| {
                    assert_eq!(shards.iter().filter(|shard| taken(**shard)).count(), 1);
                };
                once(&|shard| shard.takes(index));
                once(&|shard| shard.of_lengths(&lengths)[index]);
            }
        }
    }

    #[test]
    fn shares_take_about_as_long() {
        let lengths: Vec<f64> = (0..200).map(|i| 1.02f64.powi(i)).collect();
        let of = 4;
        let long = (1..=of).map(|number| {
            let takes = Shard::new(number, of).unwrap().of_lengths(&lengths);
            let own = lengths.iter().zip(takes).filter(|(_, taken)| *taken);
            own.map(|(length, _)| length).sum::<f64>()
        });
        let long: Vec<f64> = long.collect();
        let mean = long.iter().sum::<f64>() / f64::from(of);
        assert!(
            long.iter().all(|length| (length / mean - 1.0).abs() < 0.02),
            "{long:?}"
        );
    }

    #[test]
    fn a_share_is_read_as_it_is_written() {
        let shard: Shard = "3/8".parse().unwrap();
        assert_eq!(
            (shard.to_string(), shard.writer()),
            ("3/8".into(), "shard-3-of-8".into())
        );
        for wrong in ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/2000000"] {
            assert!(
                wrong.parse::<Shard>().unwrap_err().contains("such as 3/8"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_task_of_an_array_knows_its_share() {
        let shard = |variables: &[(&str, &str)]| {
            Shard::of_array(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let slurm = |task| {
            shard(&[
                ("SLURM_ARRAY_TASK_ID", task),
                ("SLURM_ARRAY_TASK_MIN", "1"),
                ("SLURM_ARRAY_TASK_MAX", "8"),
            ])
        };
        assert_eq!(slurm("3").unwrap().to_string(), "3/8");
        assert!(slurm("9").unwrap_err().contains("beyond the tasks"));
        // A queue whose workers run as tasks of another: each task has a number of its own.
        let inside = shard(&[
            ("SLURM_ARRAY_TASK_ID", "1"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_MAX", "2"),
            ("HQ_TASK_ID", "2"),
            ("LPZERO_SHARDS", "4"),
        ]);
        assert_eq!(inside.unwrap().to_string(), "3/4");
        let queue = shard(&[("JOB_COMPLETION_INDEX", "2"), ("LPZERO_SHARDS", "8")]);
        assert_eq!(queue.unwrap().to_string(), "3/8");
        let alone = shard(&[("HQ_TASK_ID", "2")]).unwrap_err();
        assert!(alone.contains("LPZERO_SHARDS is not"), "{alone}");
        assert!(shard(&[]).unwrap_err().contains("SLURM_ARRAY_TASK_ID"));
    }
}
