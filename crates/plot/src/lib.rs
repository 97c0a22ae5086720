//! Charts in the house style, as SVG.
//!
//! What is drawn is data: two axes and layers of points. `plotters` draws.
//!
//! ```
//! use lpzero_plot::{Axis, BLUE, Chart, Layer, Mark};
//!
//! let chart = Chart {
//!     title: "loss",
//!     x: Axis::linear("update"),
//!     y: Axis::linear("nats per token"),
//!     layers: vec![Layer {
//!         points: vec![(1.0, 4.8), (2.0, 3.9)],
//!         mark: Mark::Line,
//!         colour: BLUE,
//!         name: None,
//!     }],
//! };
//! assert!(chart.to_svg().starts_with("<svg"));
//! ```
#![forbid(unsafe_code)]

use std::ops::Range;

use plotters::prelude::*;

/// Red, green and blue.
pub type Colour = (u8, u8, u8);

/// Colour of measured points.
pub const BLUE: Colour = (0x48, 0x78, 0xa8);
/// Colour of the points that matter most.
pub const RED: Colour = (0xc0, 0x39, 0x2b);
/// Colour of the reference that others are compared with.
pub const BLACK: Colour = (0, 0, 0);
/// Colour of everything else.
pub const GREY: Colour = (0xbb, 0xbb, 0xbb);

const WIDTH: u32 = 640;
const HEIGHT: u32 = 400;
/// Heights of a chart with names, in pixels: of one row, and of all around the rows.
const ROW: u32 = 26;
const AROUND: u32 = 110;

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    /// Text above the chart.
    pub title: &'a str,
    /// Axis from left to right.
    pub x: Axis<'a>,
    /// Axis from bottom to top; names go from top to bottom.
    pub y: Axis<'a>,
    /// Layers of points, the first behind the others. Points that are not finite are left out.
    pub layers: Vec<Layer<'a>>,
}

/// One axis; its ends are those of the points.
#[derive(Clone, Copy, Debug)]
pub struct Axis<'a> {
    /// Text beside the axis.
    pub label: &'a str,
    /// Division of the axis.
    pub scale: Scale<'a>,
}

/// How an axis is divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale<'a> {
    /// Evenly.
    Linear,
    /// By factors; what is not positive is left out.
    Logarithmic,
    /// By names of a y axis: the first stands at 0, the second at 1, and so on.
    Names(&'a [String]),
}

/// Points that look alike.
#[derive(Clone, Debug)]
pub struct Layer<'a> {
    /// Points (x, y) in the units of the axes.
    pub points: Vec<(f64, f64)>,
    /// How they look.
    pub mark: Mark,
    /// Their colour.
    pub colour: Colour,
    /// Name in the legend; `None` leaves the layer out of it.
    pub name: Option<&'a str>,
}

/// How points look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A line through them.
    Line,
    /// A dashed line through them.
    Dashes,
    /// Dots of this radius.
    Dots(u32),
}

impl<'a> Axis<'a> {
    /// An axis that is divided evenly.
    pub fn linear(label: &'a str) -> Self {
        let scale = Scale::Linear;
        Self { label, scale }
    }

    /// Where a value stands on the axis that plotters draws, which is linear.
    fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.log10(),
            // From top to bottom.
            Scale::Names(_) => -value,
        }
    }

    /// Label at a place of the drawn axis; empty between names.
    fn text(&self, place: f64) -> String {
        match self.scale {
            Scale::Linear => short(place),
            Scale::Logarithmic => short(10f64.powf(place)),
            Scale::Names(names) => {
                let whole = place.round() == place && place <= 0.0;
                let name = whole.then(|| names.get(-place as usize)).flatten();
                name.cloned().unwrap_or_default()
            }
        }
    }

    fn range(&self, places: impl Iterator<Item = f64>) -> Range<f64> {
        if let Scale::Names(names) = self.scale {
            return 0.5 - names.len().max(1) as f64..0.5;
        }
        let ends = |(low, high): (f64, f64), x: f64| (low.min(x), high.max(x));
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        match low < high {
            true => low - 0.02 * (high - low)..high + 0.02 * (high - low),
            false if low == high => low - 0.5..high + 0.5,
            false => 0.0..1.0,
        }
    }
}

impl Chart<'_> {
    /// The picture.
    pub fn to_svg(&self) -> String {
        let height = match self.y.scale {
            Scale::Names(names) => AROUND + ROW * names.len() as u32,
            _ => HEIGHT,
        };
        let mut svg = String::new();
        // Drawing into a string cannot fail.
        let _ = self.draw(SVGBackend::with_string(&mut svg, (WIDTH, height)));
        svg
    }

    fn draw<B: DrawingBackend>(
        &self,
        backend: B,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let root = backend.into_drawing_area();
        root.fill(&WHITE)?;
        let place = |&(x, y): &(f64, f64)| (self.x.place(x), self.y.place(y));
        let finite = |&(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        let layers: Vec<Vec<(f64, f64)>> = (self.layers.iter())
            .map(|layer| layer.points.iter().map(place).filter(finite).collect())
            .collect();
        let all = || layers.iter().flatten();
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, ("sans-serif", 15))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(match self.y.scale {
                Scale::Names(_) => 120,
                _ => 64,
            })
            .build_cartesian_2d(
                self.x.range(all().map(|point| point.0)),
                self.y.range(all().map(|point| point.1)),
            )?;
        let grid = RGBColor(0xdd, 0xdd, 0xdd);
        chart
            .configure_mesh()
            .max_light_lines(0)
            .bold_line_style(grid)
            .axis_style(grid)
            .x_labels(6)
            .y_labels(match self.y.scale {
                Scale::Names(names) => names.len() + 1,
                _ => 6,
            })
            .x_desc(self.x.label)
            .y_desc(self.y.label)
            .x_label_formatter(&|place| self.x.text(*place))
            .y_label_formatter(&|place| self.y.text(*place))
            .draw()?;
        for (layer, points) in self.layers.iter().zip(layers) {
            let (red, green, blue) = layer.colour;
            let colour = RGBColor(red, green, blue);
            let drawn = match layer.mark {
                Mark::Line => chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?,
                Mark::Dashes => {
                    let style = colour.stroke_width(1);
                    chart.draw_series(DashedLineSeries::new(points, 5, 4, style))?
                }
                Mark::Dots(radius) => chart.draw_series(
                    (points.into_iter()).map(|point| Circle::new(point, radius, colour.filled())),
                )?,
            };
            if let Some(name) = layer.name {
                drawn.label(name).legend(move |(x, y)| {
                    Rectangle::new([(x + 4, y - 2), (x + 16, y + 2)], colour.filled())
                });
            }
        }
        if self.layers.iter().any(|layer| layer.name.is_some()) {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE.mix(0.8))
                .draw()?;
        }
        root.present()
    }
}

/// A number in few characters: `12.5M`, `0.031`.
fn short(value: f64) -> String {
    let size = value.abs();
    // No letter is known beyond.
    if size >= 1e15 {
        return format!("{value:.0e}");
    }
    for (unit, letter) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if size >= unit {
            return format!("{:.1}{letter}", value / unit);
        }
    }
    match size {
        size if size >= 10.0 => format!("{value:.0}"),
        size if size >= 0.1 => format!("{value:.2}"),
        size if size < 1e-9 => "0".to_owned(),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dots(points: Vec<(f64, f64)>) -> Layer<'static> {
        Layer {
            points,
            mark: Mark::Dots(3),
            colour: RED,
            name: None,
        }
    }

    #[test]
    fn a_chart_holds_every_finite_point_and_escapes_its_texts() {
        let points = vec![(1e3, 1.0), (1e5, 2.0), (1e4, f64::NAN), (-1.0, 1.0)];
        let chart = Chart {
            title: "a < b",
            x: Axis {
                label: "cost",
                scale: Scale::Logarithmic,
            },
            y: Axis::linear("score"),
            layers: vec![dots(points)],
        };
        let svg = chart.to_svg();
        assert_eq!(svg.matches("<circle").count(), 2, "{svg}");
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN"));
        assert!(svg.contains("1.0k") && svg.contains("100.0k"), "{svg}");
    }

    #[test]
    fn names_stand_from_top_to_bottom() {
        let names = ["first", "second", "third"].map(str::to_owned);
        let chart = Chart {
            title: "",
            x: Axis::linear("tau"),
            y: Axis {
                label: "",
                scale: Scale::Names(&names),
            },
            layers: vec![dots(vec![(0.5, 0.0), (0.7, 2.0)])],
        };
        let svg = chart.to_svg();
        let height = |name: &str| {
            let line = svg.split("<text").find(|text| text.contains(name));
            let y = line.and_then(|line| line.split("y=\"").nth(1));
            let y = y.and_then(|rest| rest.split('"').next());
            y.and_then(|y| y.parse::<f64>().ok())
        };
        assert!(height("first") < height("second") && height("second") < height("third"));
        assert!(height("first").is_some());
    }

    #[test]
    fn a_chart_of_nothing_is_a_chart() {
        let chart = Chart {
            title: "empty",
            x: Axis::linear("x"),
            y: Axis::linear("y"),
            layers: Vec::new(),
        };
        assert!(chart.to_svg().ends_with("</svg>\n"));
    }
}
