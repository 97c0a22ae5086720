//! The table for people and the file for programs.

use std::fs;
use std::path::Path;

use anyhow::Context;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::machine::Machine;
use crate::measure::{Measurement, Product, Side};

/// Version of results.json.
const VERSION: u32 = 1;

/// One run of the benchmark.
#[derive(Serialize)]
pub struct Report {
    version: u32,
    machine: Machine,
    /// The largest rate seen in this run, in any product or pass.
    peak_gflops: Option<f64>,
    products: Vec<Product>,
    workloads: Vec<Measurement>,
    /// Wanted, but their published data are not there.
    skipped: Vec<&'static str>,
}

impl Report {
    pub fn new(
        machine: Machine,
        products: Vec<Product>,
        workloads: Vec<Measurement>,
        skipped: Vec<&'static str>,
    ) -> Self {
        let passes = workloads.iter().flat_map(|workload| {
            let fastest = |side: &Side| side.seconds.iter().copied().fold(f64::INFINITY, f64::min);
            let rate = |side| Some(workload.flops? / fastest(side) / 1e9);
            [rate(&workload.ours), rate(&workload.peer)]
        });
        let rates = products.iter().map(|product| product.gflops);
        let peak_gflops = rates.chain(passes.flatten()).reduce(f64::max);
        Report {
            version: VERSION,
            machine,
            peak_gflops,
            products,
            workloads,
            skipped,
        }
    }

    /// What the user sees.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header([
            "workload",
            "lpzero",
            "peer",
            "ratio",
            "(of pairs)",
            "lpzero",
            "peer",
            "ratio",
            "lpzero",
            "peer",
            "loss",
        ]);
        table.add_row([
            "",
            "s",
            "s",
            "",
            "min-max",
            "MB",
            "MB",
            "",
            "% of peak",
            "% of peak",
            "lpzero / peer",
        ]);
        for workload in &self.workloads {
            table.add_row(self.row(workload));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let mut text = format!("{}\n", self.machine.line());
        if let Some(peak) = self.peak_gflops {
            let product = |product: &Product| {
                let [rows, inner, columns] = product.shape;
                format!(
                    "torch.mm {rows} x {inner} x {columns}: {:.1}",
                    product.gflops
                )
            };
            let products: Vec<String> = self.products.iter().map(product).collect();
            text += &format!("peak: {peak:.1} GFLOP/s ({})\n", products.join(", "));
        }
        text += &format!("\n{table}\n\n");
        if !self.skipped.is_empty() {
            let names = self.skipped.join(", ");
            text += &format!("SKIPPED, for want of published data: {names}\n\n");
        }
        text + "Times are medians. Memory is the peak without the idle process. Ratios are lpzero / \
                peer.\nThe peer is PyTorch; of `trace`, the engine's bare pass.\n"
    }

    fn row(&self, workload: &Measurement) -> Vec<String> {
        let Measurement { ours, peer, .. } = workload;
        let pairs = ours.seconds.iter().zip(&peer.seconds).map(|(a, b)| a / b);
        let (least, most) = pairs.fold((f64::INFINITY, 0.0f64), |(least, most), ratio| {
            (least.min(ratio), most.max(ratio))
        });
        let memory = |side: &Side| side.memory.net().map(|bytes| bytes as f64);
        let megabytes = |side: &Side| or_dash(memory(side).map(|bytes| bytes / 1e6), 0);
        let memory_ratio = memory(ours).zip(memory(peer)).map(|(a, b)| a / b.max(1.0));
        let share = |side: &Side| {
            let rate = workload.flops? / side.median() / 1e9;
            Some(100.0 * rate / self.peak_gflops?)
        };
        let losses = ours.loss.zip(peer.loss);
        vec![
            workload.workload.to_owned(),
            format!("{:.4}", ours.median()),
            format!("{:.4}", peer.median()),
            format!("{:.2}", ours.median() / peer.median()),
            format!("{least:.2}-{most:.2}"),
            megabytes(ours),
            megabytes(peer),
            or_dash(memory_ratio, 2),
            or_dash(share(ours), 0),
            or_dash(share(peer), 0),
            losses.map_or("-".to_owned(), |(a, b)| format!("{a:.5} / {b:.5}")),
        ]
    }

    /// Writes results.json, with every iteration, and table.txt.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let place = || format!("writing to {}", folder.display());
        fs::create_dir_all(folder).with_context(place)?;
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        fs::write(folder.join("results.json"), json).with_context(place)?;
        fs::write(folder.join("table.txt"), self.table()).with_context(place)
    }
}

fn or_dash(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}
