//! Pictures as data: specifications of Vega-Lite over the tables of a page, and beside each the
//! same picture as SVG, for whoever runs no scripts.

mod estimates;
mod networks;

use lpzero_plot::{Axis, BLACK, BLUE, Chart, Layer, Mark, RED, Scale};
use serde_json::{Value, json};

use crate::table::Table;

pub use estimates::{bars, forest, front};
pub use networks::{parallel, points, shapes, trained};

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

impl Figure {
    /// A picture of a table.
    fn new(
        table: &Table,
        title: &str,
        caption: impl Into<String>,
        spec: Value,
        chart: &Chart<'_>,
    ) -> Self {
        Self {
            id: format!("picture-{}", table.id),
            title: title.to_owned(),
            caption: caption.into(),
            kind: "",
            tables: vec![table.id.clone()],
            spec,
            svg: chart.to_svg(),
        }
    }
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
    Figure::new(table, title, "", spec, &chart)
}
