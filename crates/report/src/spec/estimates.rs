//! Pictures of numbers: intervals, bars, and the front of complexity.

use lpzero_plot::{Axis, BLACK, BLUE, Chart, Layer, Mark, RED, Scale};
use serde_json::{Value, json};

use super::{BEHIND, COLOURS, Figure, framed, layer, pairs};
use crate::table::Table;

/// Intervals from top to bottom. The table has `name`, `kind`, `estimate` and `interval`.
pub fn forest(table: &Table, title: &str, label: &str, reference: Option<f64>) -> Figure {
    let names = table.texts("name");
    let mut different = names.clone();
    different.dedup();
    let y = json!({"field": "name", "type": "nominal", "sort": null, "title": null, "axis": {"grid": true}});
    let offset = json!({"field": "kind", "sort": null});
    let colour = json!({"field": "kind", "type": "nominal", "title": null, "sort": null});
    let x = json!({"field": "estimate", "type": "quantitative", "title": label, "scale": {"zero": false, "nice": false, "padding": 8}});
    let mut layers = vec![
        json!({"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {
            "y": y, "yOffset": offset, "color": colour,
            "x": {"field": "interval_low", "type": "quantitative", "title": label, "scale": {"zero": false, "nice": false, "padding": 8}},
            "x2": {"field": "interval_high"}}}),
        json!({"mark": {"type": "point", "filled": true, "size": 80, "tooltip": true}, "encoding": {
        "x": x, "y": y, "yOffset": offset, "color": colour,
        "shape": {"field": "kind", "type": "nominal", "title": null, "sort": null},
        "tooltip": [
            {"field": "name", "title": "of"}, {"field": "kind", "title": "kind"},
            {"field": "estimate", "title": label, "type": "quantitative", "format": ".3f"},
            {"field": "interval_low", "title": "from", "type": "quantitative", "format": ".3f"},
            {"field": "interval_high", "title": "to", "type": "quantitative", "format": ".3f"},
        ]}}),
    ];
    if let Some(reference) = reference {
        layers.insert(
            0,
            json!({
                "data": {"values": [{"at": reference}]},
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": BEHIND},
                "encoding": {"x": {"field": "at", "type": "quantitative"}},
            }),
        );
    }
    let kinds = table.texts("kind");
    let mut several = kinds.clone();
    several.sort();
    several.dedup();
    let step = 16 * several.len().max(1) as u32 + 10;
    let spec = framed(
        &format!("{title}: estimates with 95 % intervals"),
        step * different.len().max(1) as u32,
        json!({
            "data": {"name": table.id},
            "layer": layers,
        }),
    );
    let names: Vec<String> = names
        .iter()
        .zip(&kinds)
        .map(|(name, kind)| match several.len() {
            1 => name.clone(),
            _ => format!("{name}, {kind}"),
        })
        .map(|name| short(&name))
        .collect();
    let mut lines: Vec<Layer<'_>> = intervals(table)
        .into_iter()
        .enumerate()
        .filter_map(|(row, ends)| {
            Some(layer(
                ends?.map(|end| (end, row as f64)).to_vec(),
                Mark::Line,
                BLUE,
            ))
        })
        .collect();
    let dots = table
        .numbers("estimate")
        .into_iter()
        .enumerate()
        .map(|(row, x)| (x, row as f64));
    lines.push(layer(dots.collect(), Mark::Dots(4), BLUE));
    if let Some(reference) = reference {
        let ends = [0.0, names.len().saturating_sub(1) as f64];
        lines.push(layer(
            ends.map(|row| (reference, row)).to_vec(),
            Mark::Dashes,
            BLACK,
        ));
    }
    let chart = Chart {
        title,
        x: Axis::linear(label),
        y: Axis {
            label: "",
            scale: Scale::Names(&names),
        },
        layers: lines,
    };
    Figure::new(
        table,
        title,
        "A line is a 95 % interval; the mark on it is the estimate.",
        spec,
        &chart,
    )
}

/// Bars of a number per name. The table has `name` and `value`, and perhaps `kind`.
pub fn bars(table: &Table, title: &str, label: &str) -> Figure {
    let names = table.texts("name");
    let kinds = table.columns.iter().any(|column| column.name == "kind");
    let colour = match kinds {
        true => json!({"field": "kind", "type": "nominal", "title": null, "sort": null}),
        false => json!({"value": COLOURS[0]}),
    };
    let mut encoding = json!({
        "y": {"field": "name", "type": "nominal", "sort": null, "title": null},
        "x": {"field": "value", "type": "quantitative", "title": label},
        "color": colour,
        "tooltip": [{"field": "name", "title": "of"}, {"field": "value", "title": label, "type": "quantitative", "format": ".3f"}],
    });
    let mut different = names.clone();
    different.sort();
    different.dedup();
    if kinds && let Value::Object(encoding) = &mut encoding {
        encoding.insert("yOffset".into(), json!({"field": "kind", "sort": null}));
    }
    let step = if kinds { 34 } else { 24 };
    let spec = framed(
        title,
        step * different.len().max(1) as u32,
        json!({
            "data": {"name": table.id},
            "mark": {"type": "bar", "tooltip": true},
            "encoding": encoding,
        }),
    );
    let shorter: Vec<String> = names.iter().map(|name| short(name)).collect();
    let values = table.numbers("value");
    let mut layers: Vec<Layer<'_>> = values
        .iter()
        .enumerate()
        .map(|(row, x)| layer(vec![(0.0, row as f64), (*x, row as f64)], Mark::Line, BLUE))
        .collect();
    layers.push(layer(
        values
            .iter()
            .enumerate()
            .map(|(row, x)| (*x, row as f64))
            .collect(),
        Mark::Dots(4),
        BLUE,
    ));
    let chart = Chart {
        title,
        x: Axis::linear(label),
        y: Axis {
            label: "",
            scale: Scale::Names(&shorter),
        },
        layers,
    };
    Figure::new(table, title, "", spec, &chart)
}

/// The front of complexity against fitness; a row of its table is a point of it.
pub fn front(table: &Table, measure: &str) -> Figure {
    let line = |field: &str, colour: &str, name: &str| {
        json!([
            {"mark": {"type": "line", "interpolate": "step-after", "color": colour, "opacity": 0.6},
             "encoding": {"y": {"field": field, "type": "quantitative"}}},
            {"mark": {"type": "point", "filled": true, "color": colour, "tooltip": true},
             "encoding": {
                "y": {"field": field, "type": "quantitative"},
                "size": {"condition": {"test": "datum.row == chosen", "value": 260}, "value": 60},
                "tooltip": [
                    {"field": "formula", "title": "formula"},
                    {"field": "complexity", "title": "complexity"},
                    {"field": field, "title": name, "type": "quantitative", "format": ".3f"},
                ]}},
        ])
    };
    let mut layers = Vec::new();
    for (field, colour, name) in [
        ("search", COLOURS[0], "on the search split"),
        ("validation", COLOURS[1], "on the validation split"),
    ] {
        if table.numbers(field).iter().any(|value| value.is_finite())
            && let Value::Array(more) = line(field, colour, name)
        {
            layers.extend(more);
        }
    }
    let spec = framed(
        &format!("Front of complexity against {measure}"),
        280,
        json!({
            "data": {"name": table.id},
            "params": [{"name": "chosen", "value": -1}],
            "encoding": {
                "x": {"field": "complexity", "type": "quantitative", "title": "complexity of the formula", "scale": {"zero": false, "padding": 16}},
                "y": {"type": "quantitative", "title": measure, "scale": {"zero": false}},
            },
            "layer": layers,
        }),
    );
    let of = |field| pairs(table, "complexity", field);
    let chart = Chart {
        title: "",
        x: Axis::linear("complexity of the formula"),
        y: Axis::linear(measure),
        layers: vec![
            Layer {
                name: Some("search split"),
                ..layer(of("search"), Mark::Line, BLUE)
            },
            Layer {
                name: Some("validation split"),
                ..layer(of("validation"), Mark::Dots(4), RED)
            },
        ],
    };
    Figure {
        kind: "front",
        ..Figure::new(
            table,
            "The front",
            "Blue is the search split, orange the validation split. A row of the table below \
                  is a pair of points: rest on either, and the other stands out.",
            spec,
            &chart,
        )
    }
}

fn short(name: &str) -> String {
    match name.chars().count() > 18 {
        true => name.chars().take(17).chain(['…']).collect(),
        false => name.to_owned(),
    }
}

fn intervals(table: &Table) -> Vec<Option<[f64; 2]>> {
    let column = table
        .columns
        .iter()
        .position(|column| column.name == "interval");
    let ends = |row: &Vec<crate::table::Cell>| match column.and_then(|column| row.get(column)) {
        Some(crate::table::Cell::Interval(ends)) => Some(*ends),
        _ => None,
    };
    table.rows.iter().map(ends).collect()
}
