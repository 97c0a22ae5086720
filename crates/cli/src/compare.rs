//! `lpzero compare`: networks in the order of a proxy, and how sure it is.

use std::io::Write;

use anyhow::{Result, anyhow};
use lpzero::arch::{Space, spec};
use lpzero::compare::{Compared, Comparison, Next, Verdict};
use lpzero::nas::{Bound, Cost};
use lpzero::{Networks, Proxy, Workbench};
use lpzero_report::count;

use super::arguments::{Compare, CompareFormatArgument};
use super::failure::{Failure, failed, system};
use super::nas::report::bytes;
use super::output::print_json;
use super::plain::{Table, sentences, significant, stdout};
use super::sees;
use super::session::Session;
use super::settings::{no_space, one_proxy, read_architecture};

pub fn run(session: &Session, arguments: &Compare) -> Result<()> {
    let proxy = one_proxy(&arguments.proxy)?;
    let space = arguments.space.as_deref();
    let space = space.map(|path| Space::read(path).map_err(|error| no_space(path, error)));
    let space = space.transpose()?;
    let networks = match &space {
        Some(space) => drawn(session, arguments, space)?,
        None => read(arguments)?,
    };
    let shown = networks.architectures().iter();
    let workbench = session.workbench(&arguments.pass, shown.filter(|_| proxy.needs_network()))?;
    let workbench = workbench.with_patience(arguments.patience.patience);
    if let Some(space) = &space {
        sees::warn(session, &workbench, (space, &proxy), &[Cost::Params]);
    }
    let comparison = workbench.compare(&networks, &proxy).map_err(failed)?;
    warn(session, &comparison);
    print(session, arguments.format, &proxy, &comparison)
}

/// The networks that are named by file or folder, without their weights.
fn read(arguments: &Compare) -> Result<Networks> {
    let reading = arguments.reading.into();
    let mut networks = Networks::new();
    for path in &arguments.architectures {
        let architecture = read_architecture(path, reading)?;
        networks.add(path.display().to_string(), architecture);
    }
    Ok(networks)
}

/// Networks of a space, written to the folder that was asked for.
fn drawn(session: &Session, arguments: &Compare, space: &Space) -> Result<Networks> {
    let (least, most) = (arguments.min_params, arguments.max_params);
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        return Err(Failure::typed(format_args!(
            "--min-params {least}: expected no more than --max-params {most}"
        )));
    }
    if let Some(folder) = &arguments.out {
        let place = format!("--out {}: expected a new folder", folder.display());
        std::fs::create_dir(folder).map_err(|error| system(&place, error))?;
    }
    let bound = Bound {
        cost: Cost::Params,
        least: least.unwrap_or(f64::NEG_INFINITY),
        most: most.unwrap_or(f64::INFINITY),
    };
    let workbench = Workbench::new(1).map_err(failed)?.with_seed(session.seed);
    let networks = workbench.draw(space, &[bound], arguments.draw);
    let networks = networks.map_err(failed)?;
    if (networks.len() as u64) < arguments.draw {
        session.report.note(format_args!(
            "{} has {} such architectures",
            space.name,
            networks.len()
        ));
    }
    if let Some(folder) = &arguments.out {
        for (id, architecture) in networks.ids().iter().zip(networks.architectures()) {
            let file = folder.join(format!("{id}.json"));
            // A full disk is not the user's input.
            spec::write(&file, architecture).map_err(|error| anyhow!("{error}"))?;
        }
    }
    Ok(networks)
}

/// Says where probabilities are about other sizes than they were learnt on.
fn warn(session: &Session, comparison: &Comparison) {
    let Some(calibration) = &comparison.calibration else {
        return;
    };
    let [least, most] = calibration.params;
    let sizes = || comparison.rows.iter().map(|row| row.params);
    let beyond = sizes()
        .filter(|size| !(least..=most).contains(size))
        .count();
    if beyond > 0 {
        session.report.warn(format_args!(
            "{beyond} of {} networks are beyond the sizes that probabilities were learnt on, \
             {:.0}M to {:.0}M parameters",
            sizes().count(),
            least / 1e6,
            most / 1e6
        ));
    }
}

fn print(
    session: &Session,
    format: CompareFormatArgument,
    proxy: &Proxy,
    comparison: &Comparison,
) -> Result<()> {
    let out = &mut stdout();
    match format {
        _ if session.json => print_json(comparison),
        CompareFormatArgument::Json => print_json(comparison),
        CompareFormatArgument::Csv => write_csv(comparison, out),
        CompareFormatArgument::Table => write_table(proxy, comparison, out),
    }
}

fn write_table(proxy: &Proxy, comparison: &Comparison, out: &mut impl Write) -> Result<()> {
    let mut table = Table::new();
    let score = proxy.name.as_str();
    table.set_header([
        "",
        "id",
        "params",
        "FLOPs/token",
        "memory",
        score,
        "better than the next",
    ]);
    for row in &comparison.rows {
        table.add_row([
            row.rank.to_string(),
            row.id.clone(),
            count(row.params),
            count(row.flops_per_token),
            bytes(row.memory),
            row.score.map_or_else(|| "-".to_owned(), significant),
            answer(row),
        ]);
    }
    table.align_numbers(2);
    table.align_text(6);
    table.spare(&[3, 4, 5]);
    writeln!(out, "{table}\n")?;
    match (&comparison.calibration, &comparison.not_calibrated) {
        (Some(calibration), _) => {
            let on = calibration
                .truths
                .iter()
                .map(|on| format!("{:.2} of {} in {}", on.same_size, on.pairs, on.truth));
            let text = format_args!(
                "Probabilities with 95 % intervals, for sizes within {:.0} %. {} orders such pairs \
                 right: {}.",
                100.0 * calibration.tolerance,
                comparison.proxy,
                on.collect::<Vec<_>>().join(", ")
            );
            writeln!(out, "{}", sentences(text))?;
        }
        (None, why) => {
            let why = why.as_deref().unwrap_or_default();
            writeln!(
                out,
                "{}",
                sentences(format_args!("No probabilities: {why}."))
            )?;
        }
    }
    Ok(())
}

/// Whether a network is better than the next one, in words.
fn answer(row: &Compared) -> String {
    let Some(next) = &row.next else {
        return String::new();
    };
    match next.verdict {
        Verdict::Better => probability(next),
        Verdict::CannotTell => format!("cannot tell: {}", probability(next)),
        Verdict::SizeDecides => format!(
            "{:.2} x the size: size decides, not the score",
            next.size_ratio
        ),
        Verdict::NotCalibrated => "-".to_owned(),
    }
}

fn probability(next: &Next) -> String {
    match (next.probability, next.interval) {
        (Some(probability), Some([low, high])) => {
            format!("{probability:.2} ({low:.2} .. {high:.2})")
        }
        _ => "a score is not positive".to_owned(),
    }
}

/// One row per network; what there is not is empty.
fn write_csv(comparison: &Comparison, out: &mut impl Write) -> Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "rank",
        "id",
        "params",
        "flops_per_token",
        "memory",
        "activation_memory",
        "score",
        "next",
        "size_ratio",
        "probability",
        "probability_low",
        "probability_high",
        "verdict",
    ])?;
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for row in &comparison.rows {
        let next = row.next.as_ref();
        let interval = next.and_then(|next| next.interval);
        writer.write_record([
            row.rank.to_string(),
            row.id.clone(),
            row.params.to_string(),
            row.flops_per_token.to_string(),
            row.memory.to_string(),
            row.activation_memory.to_string(),
            number(row.score),
            next.map_or_else(String::new, |next| next.id.clone()),
            number(next.map(|next| next.size_ratio)),
            number(next.and_then(|next| next.probability)),
            number(interval.map(|ends| ends[0])),
            number(interval.map(|ends| ends[1])),
            next.map_or_else(String::new, |next| next.verdict.name().to_owned()),
        ])?;
    }
    writer.flush()?;
    Ok(())
}
