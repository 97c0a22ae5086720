//! `lpzero rank`: proxies against a ground truth.

use std::io::Write;

use anyhow::Result;
use lpzero::PassScores;

use super::arguments::Rank;
use super::output::{align_numbers, print_json, table};
use super::session::{Session, columns, failed, proxies, repeats, source};

pub fn run(session: &Session, arguments: &Rank) -> Result<()> {
    let proxies = proxies(&arguments.proxies)?;
    let truth = session.truth(&arguments.truth)?;
    let indices: Vec<usize> = match arguments.split {
        Some(split) => {
            lpzero::split(&truth, split.search, split.validation, session.seed)
                .map_err(failed)?
                .test
        }
        None => (0..truth.entries.len()).collect(),
    };

    let repeats = repeats(arguments.repeats);
    let mut workbench = session.workbench(&arguments.pass)?;
    let (ids, architectures) = columns(&truth);
    let mut passes = Vec::new();
    for repetition in repeats.passes() {
        workbench.set_repetition(repetition);
        let source = source(&truth);
        let traces = session.traces(&workbench, &source, &ids, &architectures, &proxies)?;
        let mut pass = PassScores::new(&proxies, &traces, &indices).map_err(failed)?;
        drop(traces);
        // What no trace holds is scored on whole tensors, all in one go; each
        // proxy is charged an equal share of the time.
        let whole: Vec<usize> = (0..proxies.len())
            .filter(|&i| proxies[i].formula.needs_whole_tensors())
            .collect();
        if !whole.is_empty() {
            let start = std::time::Instant::now();
            let chosen: Vec<_> = whole.iter().map(|&i| proxies[i].clone()).collect();
            let scores = session.exact_scores(&workbench, &ids, &architectures, &chosen)?;
            let share = start.elapsed().as_secs_f64() / whole.len() as f64;
            for (&i, scores) in whole.iter().zip(&scores) {
                pass.replace(i, proxies[i].sign, scores, &indices, share);
            }
        }
        passes.push(pass);
    }
    let scores: Vec<f64> = indices.iter().map(|&i| truth.entries[i].score).collect();

    let bar = session.report.bar("ranking", proxies.len() as u64);
    let progress = |done| bar.set_position(done as u64);
    let rows = lpzero::rank_passes(&proxies, &passes, repeats, &scores, session.seed, progress);
    bar.finish_and_clear();
    let rows = rows.map_err(failed)?;

    if session.json {
        return print_json(&serde_json::json!({
            "truth": truth.name,
            "n": indices.len(),
            "reading": truth.reading.map(|reading| reading.to_string()),
            "rows": rows,
        }));
    }
    session.report.note(format_args!(
        "{}: {} architectures against {}{}",
        truth.name,
        indices.len(),
        truth.metric,
        if truth.lower_is_better {
            ", turned so that larger is better"
        } else {
            ""
        }
    ));
    let mut table = table();
    let mut header = vec![
        "proxy",
        "tau",
        "95 % interval",
        "rho",
        "95 % interval",
        "tau | params",
        "tau top 10 %",
        "ties",
        "network",
    ];
    if repeats.count() > 1 {
        header.push("rho of passes");
    }
    table.set_header(header);
    for row in &rows {
        let mut cells = vec![
            row.proxy.clone(),
            number(row.tau),
            interval(row.tau_ci),
            number(row.rho),
            interval(row.rho_ci),
            number(row.partial_tau_params),
            number(row.tau_top10),
            number(row.ties),
            if row.data_free { "no" } else { "yes" }.to_owned(),
        ];
        if let Some(stability) = row.stability {
            cells.push(number(stability.rho_between_passes_mean));
        }
        table.add_row(cells);
    }
    align_numbers(&mut table, 1);
    writeln!(std::io::stdout(), "{table}")?;
    for row in rows.iter().filter(|row| row.undefined > 0) {
        session.report.warn(format_args!(
            "{}: not a finite number on {} architectures, so not ranked",
            row.proxy, row.undefined
        ));
    }
    Ok(())
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
