//! Values of options as people type them: sizes, times, shares, quantities.

use lpzero::run::Shard;
use serde::{Deserialize, Serialize};

/// A quantity, or a share of what the largest network of a space has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// So much.
    Of(f64),
    /// A share, 1 the whole.
    Share(f64),
}

/// Two sizes, `S/V`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitArgument {
    pub search: usize,
    pub validation: usize,
}

/// `60s` or a number of evaluations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetArgument {
    Seconds(f64),
    Evaluations(u64),
}

/// Bytes: a number with a unit of 1000.
pub fn parse_memory(text: &str) -> Result<u64, String> {
    let bytes = text.parse::<bytesize::ByteSize>().map(|size| size.as_u64());
    // A bare number would be bytes, which nobody means.
    let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
    let bytes = bytes.ok().filter(|bytes| has_unit && *bytes > 0);
    bytes.ok_or_else(|| format!("{text:?}: expected a size such as 4GB, 500MB or 4GiB"))
}

/// `1.5s`, `20ms`, or in parts `1h 30m`, as seconds.
pub fn parse_seconds(text: &str) -> Option<f64> {
    let parts = || {
        // Its `M` is a month; ours would be a million.
        let is_time = !text.contains(char::is_uppercase);
        let parsed = humantime::parse_duration(text).ok().filter(|_| is_time);
        parsed.map(|time| time.as_secs_f64())
    };
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let seconds = units.into_iter().find_map(|(name, unit)| {
        let number: f64 = text.strip_suffix(name)?.trim().parse().ok()?;
        Some(number * unit)
    });
    let seconds = seconds.or_else(parts)?;
    let holds = seconds > 0.0 && std::time::Duration::try_from_secs_f64(seconds).is_ok();
    holds.then_some(seconds)
}

pub fn parse_patience(text: &str) -> Result<f64, String> {
    parse_seconds(text).ok_or_else(|| format!("{text:?}: expected a time such as 90s, 10m or 2h"))
}

pub fn parse_share(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share = number.trim().parse::<f64>().ok().map(|share| share / scale);
    share
        .filter(|share| *share > 0.0 && *share <= 10.0)
        .ok_or_else(|| "expected a share above 0, such as 5% or 0.05".to_owned())
}

/// `40M`, `1.5e8`, `250000`.
pub fn parse_quantity(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let units = [
        ("k", 1e3),
        ("K", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("B", 1e9),
        ("T", 1e12),
    ];
    let unit = units
        .into_iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)));
    let (number, unit) = unit.unwrap_or((text, 1.0));
    let number: Option<f64> = number.trim().parse().ok();
    let quantity = number.map(|number| number * unit);
    let quantity = quantity.filter(|quantity| quantity.is_finite() && *quantity > 0.0);
    quantity.ok_or_else(|| "expected a positive number such as 40M, 1.5e8 or 250000".to_owned())
}

/// A quantity, or `80%`.
pub fn parse_amount(text: &str) -> Result<Amount, String> {
    let Some(share) = text.trim().strip_suffix('%') else {
        return parse_quantity(text).map(Amount::Of);
    };
    let share: Option<f64> = share.trim().parse().ok();
    let share = share.filter(|share| *share > 0.0 && *share <= 100.0);
    let share = share.ok_or("expected a share above 0 %, at most 100 %, such as 80%")?;
    Ok(Amount::Share(share / 100.0))
}

/// A size in memory, or `80%`.
pub fn parse_bytes(text: &str) -> Result<Amount, String> {
    match text.trim().ends_with('%') {
        true => parse_amount(text),
        false => parse_memory(text).map(|bytes| Amount::Of(bytes as f64)),
    }
}

/// Sequences that are served at once, and tokens of each: `8x4096`.
pub fn parse_served(text: &str) -> Result<(usize, usize), String> {
    let pair = text.split_once('x').and_then(|(sequences, tokens)| {
        Some((sequences.trim().parse().ok()?, tokens.trim().parse().ok()?))
    });
    pair.filter(|(sequences, tokens)| *sequences > 0 && *tokens > 0)
        .ok_or_else(|| "expected sequences x tokens such as 8x4096".to_owned())
}

/// `20ms`, `0.5s`, as seconds.
pub fn parse_time(text: &str) -> Result<f64, String> {
    let seconds = parse_seconds(text.trim());
    seconds.ok_or_else(|| "expected a time such as 20ms, 500us or 0.5s".to_owned())
}

pub fn parse_split(text: &str) -> Result<SplitArgument, String> {
    let expected =
        "expected two numbers such as 100/50: architectures to search on / to select with";
    let (search, validation) = text.split_once('/').ok_or(expected)?;
    let number = |part: &str| {
        part.trim()
            .parse::<usize>()
            .map_err(|_| expected.to_owned())
    };
    let split = SplitArgument {
        search: number(search)?,
        validation: number(validation)?,
    };
    if split.search < 2 || split.validation < 2 {
        return Err("each part of a split needs at least 2 architectures".into());
    }
    Ok(split)
}

pub fn parse_budget(text: &str) -> Result<BudgetArgument, String> {
    let expected = "expected a number of evaluations such as 20000, or a time such as 60s";
    if let Some(seconds) = parse_seconds(text.trim()) {
        return Ok(BudgetArgument::Seconds(seconds));
    }
    let evaluations: u64 = text.trim().parse().map_err(|_| expected.to_owned())?;
    if evaluations == 0 {
        return Err(expected.into());
    }
    Ok(BudgetArgument::Evaluations(evaluations))
}

pub fn parse_shard(text: &str) -> Result<Shard, String> {
    match text {
        "auto" => Shard::of_array(|name| std::env::var(name).ok()),
        text => text.parse(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        let sizes = [
            "4GiB", "4gib", "4 GiB", "4G", "500MB", "500 MB", "1.5GB", "4T",
        ]
        .map(parse_memory);
        let gibibytes = 4 << 30;
        let expected = [
            gibibytes,
            gibibytes,
            gibibytes,
            4_000_000_000,
            500_000_000,
            500_000_000,
            1_500_000_000,
            4_000_000_000_000,
        ];
        assert_eq!(sizes, expected.map(Ok));
        assert!(
            parse_memory("4").is_err()
                && parse_memory("0GB").is_err()
                && parse_memory("GB").is_err()
        );
        let times = [
            "90s", "10m", "2h", "1h 30m", "1h30m", "1.5s", "20ms", "2 min",
        ]
        .map(parse_seconds);
        assert_eq!(
            times,
            [90.0, 600.0, 7200.0, 5400.0, 5400.0, 1.5, 0.02, 120.0].map(Some)
        );
        assert!(parse_seconds("10").is_none() && parse_seconds("5M").is_none());
    }

    #[test]
    fn quantities_and_times_have_units() {
        assert_eq!(parse_quantity("40M"), Ok(4e7));
        assert_eq!(parse_quantity("1.5e8"), Ok(1.5e8));
        assert_eq!(parse_quantity("250 k"), Ok(2.5e5));
        assert_eq!(parse_time("20ms"), Ok(0.02));
        assert_eq!(parse_time("0.5s"), Ok(0.5));
        for wrong in ["", "M", "-1", "0", "nan", "inf", "4Q"] {
            assert!(parse_quantity(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_amount("80%"), Ok(Amount::Share(0.8)));
        assert_eq!(parse_amount("80M"), Ok(Amount::Of(8e7)));
        for wrong in ["0%", "101%", "%", "-5%", "nan%"] {
            assert!(parse_amount(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_bytes("2GB"), Ok(Amount::Of(2e9)));
        assert_eq!(parse_bytes("80%"), Ok(Amount::Share(0.8)));
        assert_eq!(parse_served("8x4096"), Ok((8, 4096)));
        for wrong in ["8", "0x4", "4x0", "axb", "8x-1"] {
            assert!(parse_served(wrong).is_err(), "{wrong}");
        }
        for wrong in ["20", "-1s", "s", "0ms"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_split_is_two_sizes_of_at_least_two() {
        assert_eq!(
            parse_split("100/50").unwrap(),
            SplitArgument {
                search: 100,
                validation: 50
            }
        );
        for wrong in ["100", "1/50", "a/b", "100/", "-3/4", "100/50/2"] {
            assert!(parse_split(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_budget_counts_evaluations_or_seconds() {
        assert_eq!(parse_budget("60s").unwrap(), BudgetArgument::Seconds(60.0));
        assert_eq!(
            parse_budget("20000").unwrap(),
            BudgetArgument::Evaluations(20000)
        );
        for wrong in ["", "1M", "s", "-1s", "NaNs", "1e30s", "0", "1.5", "ten"] {
            assert!(parse_budget(wrong).is_err(), "{wrong}");
        }
    }
}
