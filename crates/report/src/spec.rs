//! Pictures as data: specifications of Vega-Lite over the tables of a page, and beside each the
//! same picture as SVG, for whoever runs no scripts.

use lpzero_plot::{Axis, BLACK, BLUE, Chart, GREY, Layer, Mark, RED, Scale};
use serde_json::{Value, json};

use crate::table::Table;

/// Colours that read on white and on black, and differ to people who see few colours.
const COLOURS: [&str; 5] = ["#3b82c4", "#d9541e", "#1f9d78", "#c65fa6", "#9a7b1f"];
/// Colour of what stands behind.
const BEHIND: &str = "#8a8f98";
/// Points of the SVG, which need not be told apart.
const STATIC_POINTS: usize = 600;

/// A picture.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Name in the page: letters, digits and dashes.
    pub id: String,
    /// Heading.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// Kind, by which the page knows what to listen for: `points`, `front`, or nothing.
    pub kind: &'static str,
    /// Tables that it is drawn from, the first of which it is about.
    pub tables: Vec<String>,
    /// The specification.
    pub spec: Value,
    /// The same without scripts.
    pub svg: String,
}

/// The frame of every specification.
fn framed(description: &str, height: u32, rest: Value) -> Value {
    let mut spec = json!({
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": description,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "background": null,
        "config": {
            // Tables say the same; thousands of marks are no help to who listens.
            "aria": false,
            "view": {"stroke": null},
            "font": "system-ui, sans-serif",
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
                     "gridColor": BEHIND, "gridOpacity": 0.25, "domainColor": BEHIND, "tickColor": BEHIND,
                     "labelLimit": 260},
            "axisQuantitative": {"tickCount": 7},
            "legend": {"labelFontSize": 12, "titleFontSize": 12, "orient": "top",
                       "titleFontWeight": "normal", "symbolOpacity": 1},
            "range": {"category": COLOURS},
        },
    });
    if let (Value::Object(spec), Value::Object(rest)) = (&mut spec, rest) {
        spec.extend(rest);
    }
    spec
}

/// A linear or logarithmic scale, whichever shows numbers better; it need not hold zero.
fn scale(numbers: &[f64]) -> Value {
    match spread(numbers) {
        Scale::Logarithmic => json!({"type": "log", "nice": false}),
        _ => json!({"zero": false, "nice": false, "padding": 12}),
    }
}

fn spread(numbers: &[f64]) -> Scale<'static> {
    let finite = || numbers.iter().copied().filter(|number| number.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    match low > 0.0 && high / low > 20.0 {
        true => Scale::Logarithmic,
        false => Scale::Linear,
    }
}

fn title_of(table: &Table, column: &str) -> String {
    let found = table.columns.iter().find(|c| c.name == column);
    found.map_or_else(|| column.to_owned(), |c| c.label.clone())
}

fn layer(points: Vec<(f64, f64)>, mark: Mark, colour: lpzero_plot::Colour) -> Layer<'static> {
    Layer {
        points,
        mark,
        colour,
        name: None,
    }
}

/// Every second, third ... of too many.
fn few(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(STATIC_POINTS).max(1);
    points.into_iter().step_by(step).collect()
}

fn pairs(table: &Table, x: &str, y: &str) -> Vec<(f64, f64)> {
    table.numbers(x).into_iter().zip(table.numbers(y)).collect()
}

/// Trained against predicted, a point per network: a part of the space may be drawn up, and the
/// networks of like size stand out around the one that is pointed at.
pub fn points(table: &Table, title: &str, tolerance: f64) -> Figure {
    let (scores, sizes) = (table.numbers("score"), table.numbers("size"));
    let like = format!(
        "isDefined(near.size) && abs(datum.size - near.size[0]) < {tolerance} * min(datum.size, near.size[0])"
    );
    let tip = |field: &str, title: &str, format: &str| json!({"field": field, "title": title, "format": format, "type": "quantitative"});
    let spec = framed(
        &format!("{title}: trained score against the score of the formula, a point per network"),
        360,
        json!({
            "data": {"name": table.id},
            "params": [
                {"name": "brush", "select": {"type": "interval"}},
                {"name": "near", "select": {"type": "point", "on": "pointerover", "clear": "pointerout", "fields": ["size"]}},
                {"name": "shown", "select": {"type": "point", "fields": ["part"]}, "bind": "legend"},
            ],
            "mark": {"type": "point", "filled": true, "size": 42, "tooltip": true},
            "encoding": {
                "x": {"field": "score", "type": "quantitative", "title": title_of(table, "score"),
                      "scale": scale(&scores)},
                "y": {"field": "trained", "type": "quantitative", "title": title_of(table, "trained"),
                      "scale": {"zero": false, "padding": 12}},
                "color": {"field": "part", "type": "nominal", "title": null},
                "opacity": {
                    "condition": {"test": {"and": [{"param": "brush"}, {"param": "shown"}]}, "value": 0.8},
                    "value": 0.12
                },
                "size": {"condition": {"test": like.clone(), "value": 160}, "value": 42},
                "stroke": {"condition": {"test": like.clone(), "value": BEHIND}, "value": null},
                "tooltip": [
                    {"field": "id", "title": "network"},
                    {"field": "part", "title": "part"},
                    tip("size", "size", ".4s"),
                    tip("trained", "trained", ".4f"),
                    tip("score", "score", ".5~g"),
                ]
            }
        }),
    );
    let parts = table.texts("part");
    let all = pairs(table, "score", "trained");
    let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<(f64, f64)> {
        let chosen = all.iter().zip(&parts).filter(|(_, part)| wanted(part));
        few(chosen.map(|(point, _)| *point).collect())
    };
    let chart = Chart {
        title,
        x: Axis {
            label: "score of the formula",
            scale: spread(&scores),
        },
        y: Axis::linear("trained score"),
        layers: vec![
            Layer {
                name: Some("search, validation"),
                ..layer(
                    of(&|part| matches!(part, "search" | "validation")),
                    Mark::Dots(3),
                    GREY,
                )
            },
            Layer {
                name: Some("test, held out"),
                ..layer(
                    of(&|part| !matches!(part, "search" | "validation")),
                    Mark::Dots(3),
                    BLUE,
                )
            },
        ],
    };
    let sizes = sizes.iter().any(|size| size.is_finite());
    Figure {
        id: format!("picture-{}", table.id),
        title: title.to_owned(),
        caption: format!(
            "Each point is a network. Draw a box to list the networks in it; a click outside takes it back.{}",
            match sizes {
                true => format!(
                    " Point at one, and those within {} % of its size grow.",
                    (1e4 * tolerance).round() / 100.0
                ),
                false => String::new(),
            }
        ),
        kind: "points",
        tables: vec![table.id.clone()],
        svg: chart.to_svg(),
        spec,
    }
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
        id: format!("picture-{}", table.id),
        title: "The front".to_owned(),
        caption: "Blue is the search split, orange the validation split. A row of the table below \
                  is a pair of points: rest on either, and the other stands out."
            .to_owned(),
        kind: "front",
        tables: vec![table.id.clone()],
        svg: chart.to_svg(),
        spec,
    }
}

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
    Figure {
        id: format!("picture-{}", table.id),
        title: title.to_owned(),
        caption: "A line is a 95 % interval; the mark on it is the estimate.".to_owned(),
        kind: "",
        tables: vec![table.id.clone()],
        svg: chart.to_svg(),
        spec,
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

/// Lines of several columns over one.
pub fn lines(
    table: &Table,
    title: &str,
    x: &str,
    series: &[&str],
    label: &str,
    steps: bool,
) -> Figure {
    let names: Vec<String> = series.iter().map(|name| title_of(table, name)).collect();
    let layers: Vec<Value> = series.iter().enumerate().map(|(number, field)| {
        let many = table.numbers(field).iter().filter(|y| y.is_finite()).count();
        json!({
            "mark": {"type": "line", "interpolate": if steps { "step-after" } else { "linear" },
                     "point": many < 40, "tooltip": true, "invalid": "filter"},
            "transform": [{"filter": format!("isValid(datum['{field}'])")}],
            "encoding": {
                "y": {"field": field, "type": "quantitative", "title": label, "scale": {"zero": false}},
                "color": {"datum": names[number], "type": "nominal", "title": null,
                          "scale": {"domain": names, "range": &COLOURS[..names.len().min(COLOURS.len())]}},
                "tooltip": [
                    {"field": x, "title": title_of(table, x), "type": "quantitative"},
                    {"field": field, "title": names[number], "type": "quantitative", "format": ".4f"},
                ]
            }
        })
    }).collect();
    let spec = framed(
        title,
        280,
        json!({
            "data": {"name": table.id},
            "encoding": {"x": {"field": x, "type": "quantitative", "title": title_of(table, x), "axis": {"format": "~s"}, "scale": {"nice": false}}},
            "layer": layers,
        }),
    );
    let marks = [
        (Mark::Line, BLUE),
        (Mark::Dots(3), RED),
        (Mark::Dashes, BLACK),
    ];
    let label_of_x = title_of(table, x);
    let chart = Chart {
        title,
        x: Axis::linear(&label_of_x),
        y: Axis::linear(label),
        layers: series
            .iter()
            .zip(marks)
            .zip(&names)
            .map(|((field, (mark, colour)), name)| Layer {
                name: (series.len() > 1).then_some(name),
                ..layer(few(pairs(table, x, field)), mark, colour)
            })
            .collect(),
    };
    Figure {
        id: format!("picture-{}", table.id),
        title: title.to_owned(),
        caption: String::new(),
        kind: "",
        tables: vec![table.id.clone()],
        svg: chart.to_svg(),
        spec,
    }
}

/// Everything that was scored, and the front of it. Both tables have `id`, `score` and the cost.
pub fn shapes(all: &Table, front: &Table, cost: &str, label: &str) -> Figure {
    let costs = all.numbers(cost);
    let tip = json!([
        {"field": "id", "title": "architecture"},
        {"field": "score", "title": "score", "type": "quantitative", "format": ".5~g"},
        {"field": cost, "title": label, "type": "quantitative", "format": ".4s"},
    ]);
    let x = json!({"field": cost, "type": "quantitative", "title": label, "scale": scale(&costs), "axis": {"format": "~s", "tickCount": 6}});
    let y = json!({"field": "score", "type": "quantitative", "title": "score of the formula", "scale": scale(&all.numbers("score"))});
    let encoding = json!({"x": x, "y": y, "tooltip": tip});
    let spec = framed(
        "Score against cost of every architecture that was scored, and the front",
        360,
        json!({
            "params": [{"name": "chosen", "value": -1}],
            "layer": [
                {"data": {"name": all.id}, "mark": {"type": "point", "filled": true, "size": 18, "opacity": 0.45, "color": BEHIND, "tooltip": true}, "encoding": encoding},
                {"data": {"name": front.id}, "mark": {"type": "line", "interpolate": "step-after", "color": COLOURS[0]}, "encoding": encoding},
                {"data": {"name": front.id}, "mark": {"type": "point", "filled": true, "color": COLOURS[1], "opacity": 1, "tooltip": true},
                 "encoding": {"x": x, "y": y, "tooltip": tip,
                    "size": {"condition": {"test": "datum.row == chosen", "value": 260}, "value": 55}}},
            ]
        }),
    );
    let chart = Chart {
        title: "",
        x: Axis {
            label,
            scale: spread(&costs),
        },
        y: Axis {
            label: "score",
            scale: spread(&all.numbers("score")),
        },
        layers: vec![
            layer(few(pairs(all, cost, "score")), Mark::Dots(2), GREY),
            layer(pairs(front, cost, "score"), Mark::Line, BLUE),
            layer(pairs(front, cost, "score"), Mark::Dots(3), RED),
        ],
    };
    Figure {
        id: format!("picture-{}", front.id),
        title: "Score against cost".to_owned(),
        caption:
            "Grey is everything that was scored, orange the front: nothing cheaper scores higher."
                .to_owned(),
        kind: "front",
        tables: vec![front.id.clone(), all.id.clone()],
        svg: chart.to_svg(),
        spec,
    }
}

/// Choices side by side, a line per architecture. The table has `id`, `choice`, `place` between
/// 0 and 1, `label` and `score`.
pub fn parallel(table: &Table, choices: &[String]) -> Figure {
    let spec = framed(
        "Choices of the architectures of the front, a line each",
        300,
        json!({
            "data": {"name": table.id},
            "encoding": {
                "x": {"field": "choice", "type": "nominal", "sort": choices, "title": null, "axis": {"labelAngle": if choices.len() > 8 { -30 } else { 0 }, "grid": true, "labelLimit": 160}, "scale": {"type": "point", "padding": 0.3}},
                "y": {"field": "place", "type": "quantitative", "title": "least to most", "axis": {"labels": false, "ticks": false, "grid": false}},
                "detail": {"field": "id", "type": "nominal"},
                "color": {"field": "score", "type": "quantitative", "title": "score", "scale": {"scheme": "viridis"}},
            },
            "layer": [
                {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {
                    "opacity": {"condition": {"param": "over", "value": 0.9}, "value": 0.08}}},
                {"params": [{"name": "over", "select": {"type": "point", "on": "pointerover", "clear": "pointerout", "fields": ["id"]}}],
                 "mark": {"type": "point", "filled": true, "size": 60, "tooltip": true}, "encoding": {
                    "opacity": {"condition": {"param": "over", "value": 1}, "value": 0.15},
                    "tooltip": [
                        {"field": "id", "title": "architecture"}, {"field": "choice", "title": "choice"},
                        {"field": "label", "title": "is"},
                        {"field": "score", "title": "score", "type": "quantitative", "format": ".5~g"},
                    ]}},
            ]
        }),
    );
    // Where each choice stands, by number.
    let place = |name: &String| choices.iter().position(|choice| choice == name);
    let columns = table.texts("choice");
    let points: Vec<(f64, f64)> = columns
        .iter()
        .zip(table.numbers("place"))
        .filter_map(|(name, y)| Some((place(name)? as f64 + 1.0, y)))
        .collect();
    let lines = points
        .chunks(choices.len().max(1))
        .take(200)
        .map(|line| layer(line.to_vec(), Mark::Line, BLUE));
    let chart = Chart {
        title: "",
        x: Axis::linear("number of the choice, as the table has them"),
        y: Axis::linear("least to most"),
        layers: lines.collect(),
    };
    Figure {
        id: format!("picture-{}", table.id),
        title: "What the front chose".to_owned(),
        caption: "A line is an architecture of the front. Point at one to see it alone.".to_owned(),
        kind: "",
        tables: vec![table.id.clone()],
        svg: chart.to_svg(),
        spec,
    }
}

/// Size against score of networks that were trained.
pub fn trained(table: &Table, title: &str, label: &str) -> Figure {
    let sizes = table.numbers("size");
    let spec = framed(
        title,
        340,
        json!({
            "data": {"name": table.id},
            "params": [{"name": "brush", "select": {"type": "interval"}}],
            "mark": {"type": "point", "filled": true, "size": 42, "tooltip": true, "color": COLOURS[0]},
            "encoding": {
                "x": {"field": "size", "type": "quantitative", "title": "parameters", "scale": scale(&sizes), "axis": {"format": "~s", "tickCount": 6}},
                "y": {"field": "trained", "type": "quantitative", "title": label, "scale": {"zero": false, "padding": 10}},
                "opacity": {"condition": {"param": "brush", "value": 0.8}, "value": 0.15},
                "tooltip": [
                    {"field": "id", "title": "network"},
                    {"field": "size", "title": "parameters", "type": "quantitative", "format": ".4s"},
                    {"field": "trained", "title": label, "type": "quantitative", "format": ".4f"},
                ]
            }
        }),
    );
    let chart = Chart {
        title,
        x: Axis {
            label: "parameters",
            scale: spread(&sizes),
        },
        y: Axis::linear(label),
        layers: vec![layer(
            few(pairs(table, "size", "trained")),
            Mark::Dots(3),
            BLUE,
        )],
    };
    Figure {
        id: format!("picture-{}", table.id),
        title: title.to_owned(),
        caption: "Each point is a trained network. Draw a box to list the networks in it."
            .to_owned(),
        kind: "points",
        tables: vec![table.id.clone()],
        svg: chart.to_svg(),
        spec,
    }
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
    Figure {
        id: format!("picture-{}", table.id),
        title: title.to_owned(),
        caption: String::new(),
        kind: "",
        tables: vec![table.id.clone()],
        svg: chart.to_svg(),
        spec,
    }
}
