//! How proxies rank, one row each, in the formats of `rank`.

use std::io::Write;

use anyhow::Result;
use lpzero::search::stability::Movement;
use lpzero::{Difference, RankRow};

use super::arguments::RankMeasure;
use super::plain::{Plain, Style, Table};

/// What a measure says of a row; `None` where it is not defined.
fn measured(row: &RankRow, by: RankMeasure) -> Option<f64> {
    match by {
        RankMeasure::SameSize => {
            let enough = row.same_size_pairs >= lpzero_report::FEWEST_PAIRS;
            row.same_size.filter(|_| enough)
        }
        RankMeasure::Tau => row.tau,
        RankMeasure::Rho => row.rho,
    }
}

/// Puts the rows in the order of a measure, best first, those without one last. Where no row has
/// one, as with few pairs of like size, tau decides.
pub fn sort(rows: &mut [RankRow], by: RankMeasure) {
    let by = match rows.iter().any(|row| measured(row, by).is_some()) {
        true => by,
        false => RankMeasure::Tau,
    };
    let key = |row: &RankRow| measured(row, by).unwrap_or(f64::NEG_INFINITY);
    rows.sort_by(|a, b| key(b).total_cmp(&key(a)));
}

/// The rows of `rank`, ready to be printed.
pub struct RankTable<'a> {
    rows: &'a [RankRow],
    /// Depths and widths that some row has a tau for.
    groups: Vec<&'a str>,
}

/// A header with what it says of a row.
type Column<'a> = (String, Box<dyn Fn(&RankRow) -> String + 'a>);

impl<'a> RankTable<'a> {
    /// A table of these rows.
    pub fn new(rows: &'a [RankRow]) -> Self {
        let all = rows.iter().flat_map(|row| row.tau_within_group.keys());
        let mut groups: Vec<&str> = all.map(String::as_str).collect();
        groups.sort_unstable();
        groups.dedup();
        Self { rows, groups }
    }

    /// Aligned columns: the few that decide, or all, with a line on what the groups are. The best
    /// row is bold, counts are dim.
    pub fn write_text<W: Write>(&self, out: &mut Plain<W>, all: bool) -> Result<()> {
        let columns = match all {
            true => self.readable(),
            false => self.deciding(),
        };
        let mut table = Table::new();
        table.set_header(columns.iter().map(|(header, _)| header));
        for row in self.rows {
            table.add_row(columns.iter().map(|(_, cell)| cell(row)));
        }
        table.align_numbers(1);
        if !all {
            // The interval of tau, then its gain; what decides stays.
            table.spare(&[4, 5]);
        }
        let style = |(number, row): (usize, &RankRow)| match (number, row.needs_network) {
            (0, _) => Style::Bold,
            (_, false) => Style::Dim,
            _ => Style::Usual,
        };
        let styles: Vec<Style> = self.rows.iter().enumerate().map(style).collect();
        table.write_styled(out, &styles)?;
        if let Some(legend) = self.legend().filter(|_| all) {
            writeln!(out, "\n{legend}")?;
        }
        Ok(())
    }

    /// A table for a document.
    pub fn write_markdown(&self, out: &mut impl Write) -> Result<()> {
        let columns = self.readable();
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let headers = columns.iter().map(|(header, _)| header.clone());
        writeln!(out, "{}", line(headers.collect()))?;
        let rules = (0..columns.len()).map(|i| if i == 0 { "---" } else { "---:" }.to_owned());
        writeln!(out, "{}", line(rules.collect()))?;
        for row in self.rows {
            let mut cells: Vec<String> = columns.iter().map(|(_, cell)| cell(row)).collect();
            cells[0] = format!("`{}`", cells[0].replace('|', "\\|"));
            writeln!(out, "{}", line(cells))?;
        }
        if let Some(legend) = self.legend() {
            writeln!(out, "\n{legend}")?;
        }
        Ok(())
    }

    /// Every number in full; what is undefined is empty.
    pub fn write_csv(&self, out: &mut impl Write) -> Result<()> {
        let columns = self.complete();
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(columns.iter().map(|(header, _)| header))?;
        for row in self.rows {
            writer.write_record(columns.iter().map(|(_, cell)| cell(row)))?;
        }
        writer.flush()?;
        Ok(())
    }

    fn legend(&self) -> Option<String> {
        (!self.groups.is_empty()).then(|| {
            format!(
                "In groups: tau among architectures of equal depth x width, {}.",
                self.groups.join(", ")
            )
        })
    }

    /// To three digits, differences as intervals.
    fn readable(&self) -> Vec<Column<'_>> {
        let mut columns: Vec<Column<'_>> = vec![
            column("proxy", |row| row.proxy.clone()),
            column("tau", |row| number(row.tau)),
            column("95 % interval", |row| interval(row.tau_ci)),
            column("rho", |row| number(row.rho)),
            column("95 % interval", |row| interval(row.rho_ci)),
            column("same size", |row| number(row.same_size)),
            column("95 % interval", |row| interval(row.same_size_ci)),
            column("tau over params", |row| gain(row.over_params)),
            column("over depth2 x width", |row| gain(row.over_depth2_width)),
            column("given params", |row| number(row.partial_tau_params)),
        ];
        if !self.groups.is_empty() {
            columns.push(column("in groups", |row| {
                let taus = self.groups.iter().map(|group| within(row, group));
                taus.map(number).collect::<Vec<_>>().join(" ")
            }));
        }
        columns.extend([
            column("in top 10 %", |row| number(row.tau_top10)),
            column("top 10 % found", |row| number(row.precision_top10)),
            column("ties", |row| number(row.ties)),
            column("reads", |row| reads(row).to_owned()),
            column("ms each", |row| {
                format!("{:.2}", 1000.0 * row.seconds_per_architecture)
            }),
        ]);
        columns.extend(self.passes());
        for name in self.variations() {
            columns.push(column(&format!("moved by {name}"), move |row| {
                number(moved(row, name))
            }));
        }
        columns.extend(self.unstable());
        columns
    }

    /// The columns that decide between proxies, and those that were asked for.
    fn deciding(&self) -> Vec<Column<'_>> {
        let columns = vec![
            column("proxy", |row| row.proxy.clone()),
            column("same size", |row| number(row.same_size)),
            column("95 % interval", |row| interval(row.same_size_ci)),
            column("tau", |row| number(row.tau)),
            column("95 % interval", |row| interval(row.tau_ci)),
            column("over params", |row| {
                let gain = row.over_params.map(|difference| difference.tau);
                gain.map_or_else(|| "-".to_owned(), |gain| format!("{gain:+.3}"))
            }),
            column("reads", |row| reads(row).to_owned()),
        ];
        let asked = self.passes().into_iter().chain(self.unstable());
        columns.into_iter().chain(asked).collect()
    }

    /// Agreement of several passes, where there are several.
    fn passes(&self) -> Option<Column<'_>> {
        let several = self.rows.iter().any(|row| row.stability.is_some());
        several.then(|| {
            column("rho of passes", |row| {
                number(row.stability.and_then(|s| s.rho_between_passes_mean))
            })
        })
    }

    /// Variations that move a ranking too far, where some were tried.
    fn unstable(&self) -> Option<Column<'_>> {
        (!self.variations().is_empty()).then(|| {
            column("unstable", |row| match unstable(&row.movements) {
                names if names.is_empty() => "-".to_owned(),
                names => names,
            })
        })
    }

    /// Named as in the JSON document, one number each.
    fn complete(&self) -> Vec<Column<'_>> {
        let mut columns = correlations();
        for group in &self.groups {
            let group = (*group).to_owned();
            columns.push(exact(&format!("tau_within {group}"), move |row| {
                within(row, &group)
            }));
        }
        columns.extend(circumstances());
        if self.rows.iter().any(|row| row.stability.is_some()) {
            columns.extend([
                exact("rho_between_passes_mean", |row| {
                    row.stability?.rho_between_passes_mean
                }),
                exact("tau_spread", |row| row.stability?.tau_spread),
                exact("rho_spread", |row| row.stability?.rho_spread),
            ]);
        }
        for name in self.variations() {
            let owned = name.to_owned();
            columns.push(exact(&format!("moved_by_{name}"), move |row| {
                moved(row, &owned)
            }));
        }
        if !self.variations().is_empty() {
            columns.push(column("unstable", |row| unstable(&row.movements)));
        }
        columns
    }

    /// Names of what was varied.
    fn variations(&self) -> Vec<&'a str> {
        let longest = self.rows.iter().max_by_key(|row| row.movements.len());
        let movements = longest.map_or(&[][..], |row| &row.movements[..]);
        movements.iter().map(|m| &m.variation[..]).collect()
    }
}

/// A number in full precision; empty where there is none.
fn exact(header: &str, of: impl Fn(&RankRow) -> Option<f64> + 'static) -> Column<'static> {
    column(header, move |row| {
        of(row).map_or_else(String::new, |x| x.to_string())
    })
}

/// Correlations with the truth, their intervals, and gains over counts.
fn correlations() -> Vec<Column<'static>> {
    fn low(ends: Option<[f64; 2]>) -> Option<f64> {
        ends.map(|ends| ends[0])
    }
    fn high(ends: Option<[f64; 2]>) -> Option<f64> {
        ends.map(|ends| ends[1])
    }
    fn ends(difference: Option<Difference>) -> Option<[f64; 2]> {
        difference?.tau_ci
    }
    fn tau(difference: Option<Difference>) -> Option<f64> {
        Some(difference?.tau)
    }
    vec![
        column("proxy", |row| row.proxy.clone()),
        column("formula", |row| row.formula.clone()),
        column("sign", |row| row.sign.to_string()),
        exact("tau", |row| row.tau),
        exact("tau_low", |row| low(row.tau_ci)),
        exact("tau_high", |row| high(row.tau_ci)),
        exact("rho", |row| row.rho),
        exact("rho_low", |row| low(row.rho_ci)),
        exact("rho_high", |row| high(row.rho_ci)),
        exact("same_size", |row| row.same_size),
        exact("same_size_low", |row| low(row.same_size_ci)),
        exact("same_size_high", |row| high(row.same_size_ci)),
        column("same_size_pairs", |row| row.same_size_pairs.to_string()),
        exact("over_params", |row| tau(row.over_params)),
        exact("over_params_low", |row| low(ends(row.over_params))),
        exact("over_params_high", |row| high(ends(row.over_params))),
        exact("over_depth2_width", |row| tau(row.over_depth2_width)),
        exact("over_depth2_width_low", |row| {
            low(ends(row.over_depth2_width))
        }),
        exact("over_depth2_width_high", |row| {
            high(ends(row.over_depth2_width))
        }),
        exact("partial_tau_params", |row| row.partial_tau_params),
    ]
}

/// Ties, what a score reads, and what it took.
fn circumstances() -> Vec<Column<'static>> {
    vec![
        exact("tau_top10", |row| row.tau_top10),
        exact("precision_top10", |row| row.precision_top10),
        exact("ties", |row| row.ties),
        column("needs_network", |row| row.needs_network.to_string()),
        column("data_free", |row| row.data_free.to_string()),
        column("undefined", |row| row.undefined.to_string()),
        exact("seconds", |row| Some(row.seconds)),
        exact("seconds_per_architecture", |row| {
            Some(row.seconds_per_architecture)
        }),
    ]
}

fn column<'a>(header: &str, cell: impl Fn(&RankRow) -> String + 'a) -> Column<'a> {
    (header.to_owned(), Box::new(cell))
}

fn within(row: &RankRow, group: &str) -> Option<f64> {
    *row.tau_within_group.get(group)?
}

/// Share of the pairs that a variation puts in another order.
fn moved(row: &RankRow, name: &str) -> Option<f64> {
    let mut movements = row.movements.iter();
    let movement = movements.find(|movement| movement.variation == name)?;
    Some(movement.reordered)
}

/// Names of the variations that move a ranking more than two seeds do.
pub fn unstable(movements: &[Movement]) -> String {
    let unstable = movements.iter().filter(|movement| movement.unstable);
    let names: Vec<&str> = unstable.map(|movement| &movement.variation[..]).collect();
    names.join(", ")
}

/// Inputs that a score reads: `counts` of the architecture alone, `weights`, or `data` too.
fn reads(row: &RankRow) -> &'static str {
    match (row.needs_network, row.data_free) {
        (false, _) => "counts",
        (true, true) => "weights",
        (true, false) => "data",
    }
}

/// A correlation to three digits, or a dash where it is undefined.
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

/// An interval to three digits.
pub fn interval(value: Option<[f64; 2]>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |[low, high]| format!("{low:.3} .. {high:.3}"),
    )
}

/// The interval of a difference, with signs.
fn gain(value: Option<Difference>) -> String {
    let interval = value.and_then(|difference| difference.tau_ci);
    interval.map_or_else(
        || "-".to_owned(),
        |[low, high]| format!("{low:+.3} .. {high:+.3}"),
    )
}
