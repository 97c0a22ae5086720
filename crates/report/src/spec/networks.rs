//! Pictures of networks: a point, or a line, each.

use lpzero_plot::{Axis, BLUE, Chart, GREY, Layer, Mark, RED};
use serde_json::json;

use super::{BEHIND, COLOURS, Figure, few, framed, layer, pairs, scale, spread, title_of};
use crate::table::Table;

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
        kind: "points",
        ..Figure::new(
            table,
            title,
            format!(
                "Each point is a network. Draw a box to list the networks in it; a click outside takes it back.{}",
                match sizes {
                    true => format!(
                        " Point at one, and those within {} % of its size grow.",
                        (1e4 * tolerance).round() / 100.0
                    ),
                    false => String::new(),
                }
            ),
            spec,
            &chart,
        )
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
        kind: "points",
        ..Figure::new(
            table,
            title,
            "Each point is a trained network. Draw a box to list the networks in it.",
            spec,
            &chart,
        )
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
                "color": {"field": "score", "type": "quantitative", "title": "score", "scale": {"range": [COLOURS[0], COLOURS[1]]}},
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
    Figure::new(
        table,
        "What the front chose",
        "A line is an architecture of the front. Point at one to see it alone.",
        spec,
        &chart,
    )
}
