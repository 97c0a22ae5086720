//! Budgets of tokens: of a ground truth with several checkpoints of each network, the one
//! that is meant, as in `gemstones@10B`.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;

/// Number of tokens of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tokens(pub u64);

/// Letters after a number, and what they multiply it by.
const UNITS: [(char, f64); 4] = [('K', 1e3), ('M', 1e6), ('B', 1e9), ('T', 1e12)];

impl FromStr for Tokens {
    type Err = ();

    /// A number, perhaps with K, M, B or T behind it.
    fn from_str(text: &str) -> Result<Self, ()> {
        let unit = UNITS.iter().find(|(letter, _)| {
            text.ends_with(*letter) || text.ends_with(letter.to_ascii_lowercase())
        });
        let (number, scale) = match unit {
            Some((_, scale)) => (&text[..text.len() - 1], *scale),
            None => (text, 1.0),
        };
        let tokens = number.parse::<f64>().map_err(|_| ())? * scale;
        match (1.0..1e18).contains(&tokens) {
            true => Ok(Tokens(tokens.round() as u64)),
            false => Err(()),
        }
    }
}

impl fmt::Display for Tokens {
    /// Three digits at most: `10B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = self.0 as f64;
        let unit = UNITS.iter().rev().find(|(_, scale)| tokens >= *scale);
        let (letter, scale) = unit.map_or(("".to_owned(), 1.0), |(l, s)| (l.to_string(), *s));
        let number = format!("{:.1}", tokens / scale);
        write!(f, "{}{letter}", number.trim_end_matches(".0"))
    }
}

/// The recorded budget that is meant: within one in fifty of the one asked for, the
/// largest where none is.
///
/// # Errors
/// No budget near it, with those that there are.
pub(crate) fn nearest(
    path: &Path,
    budgets: impl Iterator<Item = u64>,
    asked: Option<Tokens>,
) -> Result<u64, Error> {
    let mut budgets: Vec<u64> = budgets.collect();
    budgets.sort_unstable();
    budgets.dedup();
    let found = match asked {
        None => budgets.last(),
        Some(Tokens(asked)) => {
            let apart = |budget: &&u64| budget.abs_diff(asked);
            (budgets.iter().min_by_key(apart)).filter(|found| found.abs_diff(asked) <= asked / 50)
        }
    };
    found.copied().ok_or_else(|| {
        let names: Vec<String> = budgets.iter().map(|&b| Tokens(b).to_string()).collect();
        Error::Budget {
            path: path.to_owned(),
            asked: asked.map_or(String::new(), |tokens| tokens.to_string()),
            budgets: names.join(", "),
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn budgets_are_read_as_people_write_them() {
        for (text, tokens) in [("10B", 10_000_000_000), ("1.5m", 1_500_000), ("1e3", 1000)] {
            assert_eq!(text.parse(), Ok(Tokens(tokens)));
        }
        for text in ["", "B", "tenB", "-1B", "1e30", "NaN", "€"] {
            assert_eq!(text.parse::<Tokens>(), Err(()), "{text}");
        }
        assert_eq!(Tokens(10_003_415_040).to_string(), "10B");
    }

    #[test]
    fn a_budget_that_is_not_there_is_refused_with_those_that_are() {
        let near = |asked| nearest(Path::new("t"), [10, 1000, 100].into_iter(), asked);
        assert_eq!(near(None).unwrap(), 1000);
        assert_eq!(near(Some(Tokens(99))).unwrap(), 100);
        let error = near(Some(Tokens(500))).unwrap_err().to_string();
        assert!(error.contains("10, 100, 1K"), "{error}");
    }
}
