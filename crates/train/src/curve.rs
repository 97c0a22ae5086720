//! Losses over updates: a table, and a picture.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::Error;

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
        write_whole(path, self.to_csv().as_bytes())
    }

    /// Reads a table.
    ///
    /// # Errors
    /// A file that cannot be read, or another table.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::read(path))?;
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
        Ok(Curve(points.collect::<Result<_, _>>()?))
    }

    /// A picture: training losses as a line, validation losses as points, and the
    /// floor as a dashed line where it is known.
    pub fn to_svg(&self, title: &str, floor: Option<f64>) -> String {
        let losses = self
            .0
            .iter()
            .flat_map(|point| [Some(point.loss), point.validation]);
        let losses: Vec<f64> = losses.flatten().chain(floor).collect();
        let low = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let high = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match low < high {
            true => (low, high),
            false => (
                losses.first().map_or(0.0, |x| x - 0.5),
                losses.first().map_or(1.0, |x| x + 0.5),
            ),
        };
        let last = self.0.last().map_or(1, |point| point.step).max(1) as f64;
        let x = |step: u64| LEFT + (step as f64 / last) * (RIGHT - LEFT);
        let y = |loss: f64| BOTTOM - (loss - low) / (high - low) * (BOTTOM - TOP);

        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
            escaped(title)
        );
        for i in 0..=TICKS {
            let share = f64::from(i) / f64::from(TICKS);
            let (loss, step) = (low + share * (high - low), (share * last).round() as u64);
            let (at_y, at_x) = (y(loss), x(step));
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at_y:.1}\" y2=\"{at_y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{loss:.2}</text>\
                 <text x=\"{at_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{step}</text>",
                LEFT - 6.0,
                at_y + 4.0,
                BOTTOM + 18.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">update</text>\
             <text x=\"14\" y=\"{:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {:.1})\">\
             loss (nats per token)</text>",
            (LEFT + RIGHT) / 2.0,
            HEIGHT - 6.0,
            (TOP + BOTTOM) / 2.0,
            (TOP + BOTTOM) / 2.0
        );
        if let Some(floor) = floor {
            let at = y(floor);
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"black\" \
                 stroke-dasharray=\"4 3\"/><text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\">\
                 entropy floor {floor:.3}</text>",
                at - 5.0
            );
        }
        let line = self
            .0
            .iter()
            .map(|point| format!("{:.1},{:.1}", x(point.step), y(point.loss)));
        let line: Vec<String> = line.collect();
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"#4878a8\" stroke-width=\"1\" points=\"{}\"/>",
            line.join(" ")
        );
        for point in &self.0 {
            if let Some(loss) = point.validation {
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#c0392b\"/>",
                    x(point.step),
                    y(loss)
                );
            }
        }
        svg + "</svg>\n"
    }
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 350.0;
const TICKS: u32 = 5;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Writes a file whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_extension("part");
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().map_err(Error::written(path))
}
