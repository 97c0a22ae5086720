//! Scores of architectures, one row each, in the formats of `score`.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use anyhow::Result;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use lpzero::{Proxy, Scores};
use lpzero_report::count;
use parquet::arrow::ArrowWriter;

use crate::arguments::FormatArgument;
use crate::failure::Failure;
use crate::output::print_json;
use crate::plain::{Table, significant, stdout};

/// Scores, ready to be printed.
pub struct ScoreTable(pub Scores);

impl ScoreTable {
    /// Writes the table to standard output.
    pub fn print(&self, format: FormatArgument) -> Result<()> {
        let mut out = std::io::stdout();
        if format == FormatArgument::Parquet && out.is_terminal() {
            return Err(Failure::input(
                "--format parquet is binary: redirect standard output to a file",
            ));
        }
        match format {
            FormatArgument::Table => self.write_table(&mut stdout())?,
            FormatArgument::Csv => self.write_csv(&mut stdout())?,
            FormatArgument::Json => print_json(&self.to_json())?,
            FormatArgument::Parquet => out.write_all(&self.to_parquet()?)?,
        }
        out.flush()?;
        Ok(())
    }

    /// Every column with its name: scores, then `<proxy>_spread` of each.
    fn named_columns(&self) -> impl Iterator<Item = (String, &Vec<f64>)> {
        let spreads = self.0.spread.iter().flat_map(|spread| {
            let names = self.0.proxies.iter().map(|proxy| format!("{proxy}_spread"));
            names.zip(spread)
        });
        let scores = self.0.proxies.iter().cloned().zip(&self.0.columns);
        scores.chain(spreads)
    }

    /// `id` and the names of all columns.
    fn header(&self) -> impl Iterator<Item = String> {
        std::iter::once("id".to_owned()).chain(self.named_columns().map(|(name, _)| name))
    }

    fn rows(&self) -> impl Iterator<Item = (&String, impl Iterator<Item = f64>)> {
        let cells = move |row: usize| self.named_columns().map(move |(_, column)| column[row]);
        (self.0.ids.iter().enumerate()).map(move |(row, id)| (id, cells(row)))
    }

    /// One row of columns by proxy. JSON has no NaN: an undefined number is
    /// null.
    fn by_proxy(&self, columns: &[Vec<f64>], row: usize) -> serde_json::Value {
        let number = |x: f64| serde_json::json!(x.is_finite().then_some(x));
        let numbers = columns.iter().map(|column| number(column[row]));
        let fields: serde_json::Map<_, _> = self.0.proxies.iter().cloned().zip(numbers).collect();
        fields.into()
    }

    fn write_table(&self, out: &mut impl Write) -> Result<()> {
        let mut table = Table::new();
        table.set_header(self.header());
        // A count is a number of things.
        let is_count = |(name, _): (String, &Vec<f64>)| {
            Proxy::parse(&name).is_ok_and(|proxy| !proxy.needs_network())
        };
        let counts: Vec<bool> = self.named_columns().map(is_count).collect();
        for (id, scores) in self.rows() {
            let cells = scores.zip(&counts).map(|(score, is_count)| match is_count {
                true if score.is_finite() => count(score),
                _ => significant(score),
            });
            table.add_row(std::iter::once(id.clone()).chain(cells));
        }
        table.align_numbers(1);
        writeln!(out, "{table}")?;
        Ok(())
    }

    fn write_csv(&self, out: &mut impl Write) -> Result<()> {
        let batch = self.record_batch()?;
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(batch.schema().fields().iter().map(|field| field.name()))?;
        let numbers = batch.columns()[1..]
            .iter()
            .map(|column| column.as_primitive());
        let numbers: Vec<&Float64Array> = numbers.collect();
        for (row, id) in batch.column(0).as_string::<i32>().iter().enumerate() {
            let id = id.unwrap_or_default().to_owned();
            // `{}` prints the shortest text that reads back to the same f64,
            // and whole numbers (parameter counts) without a fraction.
            let cells = numbers.iter().map(|column| column.value(row).to_string());
            writer.write_record(std::iter::once(id).chain(cells))?;
        }
        writer.flush()?;
        Ok(())
    }

    pub fn to_json(&self) -> serde_json::Value {
        let row = |(row, id): (usize, &String)| {
            let scores = self.by_proxy(&self.0.columns, row);
            let weights = match self.0.weighted[row] {
                true => "stored",
                false => "seeded",
            };
            let mut json = serde_json::json!({ "id": id, "scores": scores, "weights": weights });
            if let Some(spread) = &self.0.spread {
                json["spread"] = self.by_proxy(spread, row);
            }
            json
        };
        let rows: Vec<_> = self.0.ids.iter().enumerate().map(row).collect();
        let mut json = serde_json::json!({ "proxies": self.0.proxies, "rows": rows });
        if !self.0.undefined.is_empty() {
            let why = self.0.undefined.iter().map(|undefined| {
                let lpzero::Undefined {
                    proxy,
                    count,
                    id,
                    why,
                } = undefined;
                serde_json::json!({ "proxy": proxy, "count": count, "id": id, "why": why })
            });
            json["undefined"] = why.collect();
        }
        if self.0.spread.is_some() {
            json["inits"] = self.0.repeats.inits.into();
            json["batches"] = self.0.repeats.batches.into();
        }
        json
    }

    fn to_parquet(&self) -> Result<Vec<u8>> {
        let batch = self.record_batch()?;
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None)?;
        writer.write(&batch)?;
        writer.close()?;
        Ok(bytes)
    }

    /// Ids and all columns of numbers; NaN where a proxy is not defined.
    fn record_batch(&self) -> Result<RecordBatch> {
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values(&self.0.ids));
        let numbers = self.named_columns().map(|(name, column)| {
            let column: ArrayRef = Arc::new(Float64Array::from(column.clone()));
            (name, column)
        });
        let columns = std::iter::once(("id".to_owned(), ids)).chain(numbers);
        let columns = columns.map(|(name, column)| (name, column, false));
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lpzero::Repeats;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    fn scores() -> Scores {
        Scores {
            ids: vec!["a".into(), "b".into()],
            proxies: vec!["params".into(), "sum[ffn, out](l2(G))".into()],
            columns: vec![vec![13_330_176.0, 5.0], vec![0.1, f64::NAN]],
            spread: None,
            repeats: Repeats::ONE,
            weighted: vec![true, false],
            bodies: Vec::new(),
            undefined: Vec::new(),
        }
    }

    fn table() -> ScoreTable {
        ScoreTable(scores())
    }

    fn table_with_spread() -> ScoreTable {
        ScoreTable(Scores {
            spread: Some(vec![vec![0.0, 0.0], vec![0.5, f64::NAN]]),
            repeats: Repeats {
                inits: 2,
                batches: 3,
            },
            ..scores()
        })
    }

    #[test]
    fn spreads_follow_the_scores() {
        let mut out = Vec::new();
        table_with_spread().write_csv(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "id,params,\"sum[ffn, out](l2(G))\",params_spread,\"sum[ffn, out](l2(G))_spread\"\n\
             a,13330176,0.1,0,0.5\nb,5,NaN,0,NaN\n"
        );
        let json = table_with_spread().to_json();
        assert_eq!((&json["inits"], &json["batches"]), (&2.into(), &3.into()));
        assert_eq!(json["rows"][0]["spread"]["sum[ffn, out](l2(G))"], 0.5);
        assert!(json["rows"][1]["spread"]["sum[ffn, out](l2(G))"].is_null());
        assert!(table().to_json()["rows"][0].get("spread").is_none());
        let bytes = table_with_spread().to_parquet().unwrap();
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let row = file.get_row_iter(None).unwrap().next().unwrap().unwrap();
        assert_eq!(row.get_double(4).unwrap(), 0.5);
    }

    #[test]
    fn csv_quotes_formulas_and_keeps_whole_numbers_whole() {
        let mut out = Vec::new();
        table().write_csv(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "id,params,\"sum[ffn, out](l2(G))\"\na,13330176,0.1\nb,5,NaN\n"
        );
    }

    #[test]
    fn json_says_null_for_an_undefined_score() {
        let json = table().to_json();
        assert_eq!(
            json["rows"][1]["scores"]["sum[ffn, out](l2(G))"],
            serde_json::Value::Null
        );
        assert_eq!(json["rows"][0]["scores"]["params"], 13_330_176.0);
        let weights = [&json["rows"][0]["weights"], &json["rows"][1]["weights"]];
        assert_eq!(weights, ["stored", "seeded"]);
    }

    #[test]
    fn parquet_reads_back() {
        let bytes = table().to_parquet().unwrap();
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let rows: Vec<_> = file
            .get_row_iter(None)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_string(0).unwrap(), "a");
        assert_eq!(rows[0].get_double(1).unwrap(), 13_330_176.0);
        assert!(rows[1].get_double(2).unwrap().is_nan());
    }
}
