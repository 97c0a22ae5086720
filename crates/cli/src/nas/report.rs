//! Tables and texts of an architecture search.

use std::io::Write;

use anyhow::Result;
use lpzero::arch::Space;
use lpzero::nas::{Cost, Costs, History};
use lpzero::shapes::{Choices, Hypervolume, NasReport, SubNetworks, choices};

use lpzero_report::count;

use crate::plain::{Table, sentences, significant};

/// Choices in one field of a table: `blocks=2 width=16 hidden=32,64`.
fn in_one_field(choices: &Choices) -> String {
    let choices = choices.iter();
    let choices = choices.map(|(name, label)| format!("{name}={}", label.as_str().unwrap_or("")));
    choices.collect::<Vec<_>>().join(" ")
}

/// Columns that every table of architectures has.
const COLUMNS: [&str; 10] = [
    "id",
    "score",
    "params",
    "decoder_params",
    "flops",
    "memory",
    "serving",
    "latency",
    "table",
    "choices",
];

fn fields(id: &str, score: f64, costs: &Costs, choices: &Choices) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let score = number(Some(score).filter(|score| score.is_finite()));
    let costs = Cost::ALL.iter().map(|&cost| number(costs.get(cost)));
    let first = [id.to_owned(), score].into_iter();
    first.chain(costs).chain([in_one_field(choices)]).collect()
}

/// The table of the front.
pub fn front_csv(document: &NasReport) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.iter().chain(&["latency_again", "file"]))?;
    for member in &document.front {
        let mut row = fields(&member.id, member.score, &member.costs, &member.choices);
        row.push(
            member
                .latency_again
                .map_or_else(String::new, |s| s.to_string()),
        );
        row.push(member.file.clone().unwrap_or_default());
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The table of everything that was scored, in order, and of what was too slow.
pub fn evaluated_csv(space: &Space, found: &History) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for candidate in &found.candidates {
        let choices = choices(space, &candidate.genotype);
        let row = fields(&candidate.id, candidate.score, &candidate.costs, &choices);
        writer.write_record(row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// The report for people.
pub fn print(document: &NasReport, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "{} of {} combinations of {} scored by {}",
        document.evaluated,
        count(document.combinations),
        document.space,
        document.proxy
    )?;
    let front = format!(
        "front: the highest score for its {}, each counted a second time from its network",
        document.cost.label()
    );
    writeln!(out, "{}\n", sentences(front))?;
    writeln!(out, "{}", members(document))?;
    if let Some(of) = &document.supernet {
        print_supernet(of, out)?;
    }
    if let Some(Hypervolume { value, score, cost }) = &document.hypervolume {
        writeln!(
            out,
            "\nhypervolume {value:.6e}, from score {} and {} {cost}",
            significant(*score),
            document.cost.name()
        )?;
    }
    write!(
        out,
        "{} architectures beyond a bound by count and not scored",
        document.rejected
    )?;
    if document.too_slow > 0 {
        write!(out, ", {} measured too slow", document.too_slow)?;
    }
    if document.without_score > 0 {
        write!(out, ", {} without a finite score", document.without_score)?;
    }
    if document.exhausted {
        write!(out, "; nothing new was left in the space")?;
    }
    writeln!(out, "\n{:.1} s", document.seconds)?;
    Ok(())
}

/// The front, an architecture a line.
fn members(document: &NasReport) -> Table {
    let measured = document
        .front
        .iter()
        .any(|member| member.costs.latency.is_some());
    let looked_up = document
        .front
        .iter()
        .any(|member| member.costs.table.is_some());
    let bounded = document.bounds.contains_key(Cost::Serving.name());
    let serves = bounded || document.cost == Cost::Serving;
    let mut header = vec!["id", "score", "params", "decoder params", "flops", "memory"];
    header.extend(serves.then_some("serving"));
    header.extend(
        measured
            .then_some(["latency", "again"])
            .into_iter()
            .flatten(),
    );
    header.extend(looked_up.then_some("table"));
    header.push("choices");
    let header_width = header.len();
    let mut rows = Table::new();
    rows.set_header(header);
    for member in &document.front {
        let costs = &member.costs;
        let mut row = vec![
            member.id.clone(),
            significant(member.score),
            count(costs.params),
            count(costs.decoder_params),
            count(costs.flops),
            bytes(costs.memory),
        ];
        if serves {
            row.push(bytes(costs.serving));
        }
        if measured {
            let milliseconds = |seconds: Option<f64>| {
                seconds.map_or_else(|| "-".to_owned(), |s| format!("{:.2} ms", s * 1e3))
            };
            row.extend([costs.latency, member.latency_again].map(milliseconds));
        }
        if looked_up {
            row.extend(costs.table.map(|cost| format!("{cost:.6}")));
        }
        row.push(in_one_field(&member.choices));
        rows.add_row(row);
    }
    rows.align_numbers(1);
    rows.align_text(header_width - 1);
    rows.spare(&[3, 5, 4]);
    rows
}

/// A size in memory.
pub fn bytes(bytes: f64) -> String {
    match bytes {
        size if size >= 1e9 => format!("{:.2} GB", size / 1e9),
        size if size >= 1e6 => format!("{:.1} MB", size / 1e6),
        size => format!("{:.1} kB", size / 1e3),
    }
}

fn print_supernet(of: &SubNetworks, out: &mut impl Write) -> Result<()> {
    writeln!(out)?;
    write!(
        out,
        "sub-networks of a network with {} parameters, scored ",
        count(of.params)
    )?;
    match (of.restricted, of.pass_seconds) {
        (true, Some(seconds)) => write!(out, "from one pass of it ({seconds:.1} s)")?,
        _ => write!(out, "with the weights that they inherit")?,
    }
    if let Some(seconds) = of.solve_seconds {
        write!(out, "; best choice, exactly, in {seconds:.3} s")?;
    }
    if !of.reranked.is_empty() {
        write!(out, "; the best {} scored directly", of.reranked.len())?;
    }
    writeln!(out)?;
    Ok(())
}
