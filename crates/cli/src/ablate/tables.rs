//! Tables and pictures of an ablation.

use std::io::Write;

use anyhow::Result;
use lpzero::ablation::{Axis, Summary};
use lpzero::run::Folder;
use lpzero_plot::{Axis as PlotAxis, BLACK, BLUE, Chart, Layer, Mark, RED, Scale};

use crate::plain::Table;
use crate::rank_table::{interval, number};

const HEADER: [&str; 10] = [
    "variant",
    "test tau",
    "95 % interval",
    "less the first",
    "95 % interval",
    "test rho",
    "search tau",
    "evaluated",
    "pruned",
    "s",
];

fn cells(row: &Summary) -> [String; 10] {
    [
        row.variant.clone(),
        number(row.test_tau),
        interval(row.test_tau_ci),
        number(row.difference),
        interval(row.difference_ci),
        number(row.test_rho),
        number(row.search_tau),
        format!("{:.0}", row.evaluated),
        format!("{:.0}", row.pruned),
        format!("{:.1}", row.seconds),
    ]
}

/// The table of an axis, for a person.
pub fn print(axis: &Axis, rows: &[Summary], out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}: {}", axis.name, axis.about)?;
    let mut lines = Table::new();
    lines.set_header(HEADER);
    for row in rows {
        lines.add_row(cells(row));
    }
    lines.align_numbers(1);
    writeln!(out, "{lines}\n")?;
    Ok(())
}

/// The table of an axis as CSV and Markdown, and its picture.
pub fn write_axis(folder: &Folder, truth: &str, axis: &Axis, rows: &[Summary]) -> Result<()> {
    let name = |ending: &str| format!("{}.{ending}", axis.name);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let headers = "variant,seeds,test_tau,test_tau_low,test_tau_high,difference,difference_low,\
                   difference_high,test_rho,search_tau,evaluated,pruned,seconds";
    writer.write_record(headers.split(','))?;
    let text = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
    for row in rows {
        let low = |ci: Option<[f64; 2]>| text(ci.map(|ci| ci[0]));
        let high = |ci: Option<[f64; 2]>| text(ci.map(|ci| ci[1]));
        writer.write_record([
            row.variant.clone(),
            row.seeds.to_string(),
            text(row.test_tau),
            low(row.test_tau_ci),
            high(row.test_tau_ci),
            text(row.difference),
            low(row.difference_ci),
            high(row.difference_ci),
            text(row.test_rho),
            text(row.search_tau),
            row.evaluated.to_string(),
            row.pruned.to_string(),
            row.seconds.to_string(),
        ])?;
    }
    let text = String::from_utf8(writer.into_inner()?)?;
    folder.write_text(&name("csv"), &text)?;
    let line = |cells: [String; 10]| format!("| {} |\n", cells.join(" | "));
    let mut page = line(HEADER.map(str::to_owned)) + "| ---" + &" | ---:".repeat(9) + " |\n";
    rows.iter().for_each(|row| page += &line(cells(row)));
    folder.write_text(&name("md"), &page)?;
    let title = format!("{truth}: {}", axis.about);
    Ok(folder.write_text(&name("svg"), &picture(&title, rows))?)
}

/// Test tau of every variant with its interval, from top to bottom; the first, which
/// others are compared with, goes down the picture as a dashed line.
fn picture(title: &str, rows: &[Summary]) -> String {
    let names: Vec<String> = rows.iter().map(|row| row.variant.clone()).collect();
    let layer = |points, mark, colour| Layer {
        points,
        mark,
        colour,
        name: None,
    };
    let mut layers = Vec::new();
    if let Some(tau) = rows.first().and_then(|row| row.test_tau) {
        let last = rows.len() as f64 - 1.0;
        layers.push(layer(vec![(tau, 0.0), (tau, last)], Mark::Dashes, BLACK));
    }
    for (place, row) in rows.iter().enumerate() {
        let place = place as f64;
        if let Some(interval) = row.test_tau_ci {
            let ends = interval.map(|end| (end, place));
            layers.push(layer(ends.to_vec(), Mark::Line, BLUE));
        }
        if let Some(tau) = row.test_tau {
            layers.push(layer(vec![(tau, place)], Mark::Dots(4), RED));
        }
    }
    let chart = Chart {
        title,
        x: PlotAxis::linear("Kendall's tau on the test split, mean and 95 % interval"),
        y: PlotAxis {
            label: "",
            scale: Scale::Names(&names),
        },
        layers,
    };
    chart.to_svg()
}
