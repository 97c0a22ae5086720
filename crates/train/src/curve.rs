//! Losses over updates: a table, and a picture.

use std::fmt::Write as _;
use std::path::Path;

use lpzero_plot::{Axis, BLACK, BLUE, Chart, Layer, Mark, RED};
use lpzero_run::input::{self, Limit};
use lpzero_run::write_whole;

use crate::Error;

/// Size of the largest table of a curve.
const LIMIT: Limit = Limit::mebibytes("the curve of a training", 256);

/// One update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// From 1.
    pub step: u64,
    /// Tokens trained on so far.
    pub tokens: u64,
    /// The learning rate.
    pub rate: f64,
    /// L2 norm of the gradient before it is clipped.
    pub norm: f64,
    /// The training loss before the update, in nats per predicted token.
    pub loss: f64,
    /// The validation loss after the update, where it was measured.
    pub validation: Option<f64>,
}

/// Every update so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve(pub Vec<Point>);

const HEADER: &str = "step,tokens,learning_rate,gradient_norm,loss,validation_loss";

impl Curve {
    /// The last validation loss.
    pub fn validation(&self) -> Option<f64> {
        self.0.iter().rev().find_map(|point| point.validation)
    }

    /// The points up to an update.
    #[must_use]
    pub fn until(mut self, step: u64) -> Self {
        self.0.retain(|point| point.step <= step);
        self
    }

    /// The table, which [`read`](Self::read) reads to the bit.
    pub fn to_csv(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for point in &self.0 {
            let Point {
                step,
                tokens,
                rate,
                norm,
                loss,
                validation,
            } = point;
            let validation = validation.map_or_else(String::new, |loss| loss.to_string());
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{step},{tokens},{rate},{norm},{loss},{validation}");
        }
        text
    }

    /// Writes the table, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_whole(path, self.to_csv().as_bytes()).map_err(Error::written(path))
    }

    /// Reads a table.
    ///
    /// # Errors
    /// A file that cannot be read, or another table than [`to_csv`](Self::to_csv) writes.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = input::read_text(path, LIMIT).map_err(Error::read(path))?;
        let mut lines = text.lines();
        let wrong = |line: usize| Error::Checkpoint {
            path: path.to_owned(),
            what: format!("line {line}: expected {HEADER}"),
        };
        if lines.next() != Some(HEADER) {
            return Err(wrong(1));
        }
        let point = |line: &str| {
            let mut fields = line.split(',');
            let mut next = || fields.next();
            let point = Point {
                step: next()?.parse().ok()?,
                tokens: next()?.parse().ok()?,
                rate: next()?.parse().ok()?,
                norm: next()?.parse().ok()?,
                loss: next()?.parse().ok()?,
                validation: match next()? {
                    "" => None,
                    loss => Some(loss.parse().ok()?),
                },
            };
            next().is_none().then_some(point)
        };
        let points = lines
            .enumerate()
            .map(|(i, line)| point(line).ok_or_else(|| wrong(i + 2)));
        let curve = Curve(points.collect::<Result<_, _>>()?);
        // Two decimals may be one number: a damaged digit need not change what is read.
        let written = curve.to_csv();
        match written == text {
            true => Ok(curve),
            false => {
                let same = |(a, b): &(&str, &str)| a == b;
                let lines = written.lines().zip(text.lines());
                Err(wrong(lines.take_while(same).count() + 1))
            }
        }
    }

    /// A picture: training losses as a line, validation losses as points, and the
    /// floor as a dashed line where it is known.
    pub fn to_svg(&self, title: &str, floor: Option<f64>) -> String {
        let layer = |name, points, mark, colour| Layer {
            points,
            mark,
            colour,
            name: Some(name),
        };
        let points = || self.0.iter();
        let losses = points().map(|point| (point.step as f64, point.loss));
        let validations = points().filter_map(|point| Some((point.step as f64, point.validation?)));
        let mut layers = vec![
            layer("training", losses.collect(), Mark::Line, BLUE),
            layer("validation", validations.collect(), Mark::Dots(3), RED),
        ];
        if let (Some(floor), Some(last)) = (floor, self.0.last()) {
            let ends = vec![(0.0, floor), (last.step as f64, floor)];
            layers.push(layer("entropy floor", ends, Mark::Dashes, BLACK));
        }
        let chart = Chart {
            title,
            x: Axis::linear("update"),
            y: Axis::linear("loss (nats per token)"),
            layers,
        };
        chart.to_svg()
    }
}
