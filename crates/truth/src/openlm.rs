//! OpenLM's grid (Gadre et al. 2024, arXiv 2403.08540): decoders trained on C4 with 20
//! tokens a parameter, one to four lengths of warm-up each.
//!
//! `grid.json` maps `d=WIDTH_l=BLOCKS_h=HEADS-...` to a loss in nats. A training that
//! diverged shows there, so the lowest loss of a shape's warm-ups is its score.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::path::Path;

use lpzero_arch::{Activation, Cursor, Family, Problem};

use crate::columns::Columns;
use crate::decoder::Decoder;
use crate::error::Error;
use crate::truth::{Entry, GroundTruth};

/// What every key begins with.
const KEY: &str = "d=";
const EXPECTED: &str = "a key that begins as d=1024_l=12_h=16-";

/// Sizes by which a network is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Shape {
    width: usize,
    blocks: usize,
    heads: usize,
}

impl Shape {
    /// The shape in a key such as `d=1024_l=12_h=16-64-0.003-...`.
    fn of_key(key: &str) -> Option<Self> {
        let (sizes, _) = key.split_once('-')?;
        let mut sizes = sizes.split('_');
        let mut size = |name: &str| sizes.next()?.strip_prefix(name)?.parse().ok();
        let shape = Self {
            width: size("d=")?,
            blocks: size("l=")?,
            heads: size("h=")?,
        };
        shape.is_possible().then_some(shape)
    }

    /// Whether heads are at least two wide, and no size beyond what anybody trains.
    fn is_possible(self) -> bool {
        (1..=1 << 16).contains(&self.width)
            && (1..=1 << 12).contains(&self.blocks)
            && (1..=self.width / 2).contains(&self.heads)
    }

    fn id(self) -> String {
        format!("d{}_l{}_h{}", self.width, self.blocks, self.heads)
    }

    /// The network: heads of a rounded-down width, and SwiGLU of two thirds of four times
    /// the width, rounded up to 256.
    fn decoder(self) -> Decoder {
        Decoder {
            vocabulary: 50_432,
            positions: 2048,
            width: self.width,
            blocks: self.blocks,
            heads: self.heads,
            key_value_heads: self.heads,
            head_width: self.width / self.heads,
            hidden: (8 * self.width / 3).next_multiple_of(256),
            activation: Activation::Silu,
            scaled_embedding: false,
        }
    }
}

/// Whether a document is the grid.
pub(crate) fn is_grid(root: &Cursor<'_>) -> bool {
    let entries = root.entries().unwrap_or_default();
    entries.first().is_some_and(|(key, _)| key.starts_with(KEY))
}

/// Reads `grid.json`.
pub(crate) fn read(root: &Cursor<'_>) -> Result<GroundTruth, Error> {
    let mut losses: Vec<(Shape, f64)> = Vec::new();
    let mut places: HashMap<Shape, usize> = HashMap::new();
    for (key, value) in root.entries()? {
        let Some(shape) = Shape::of_key(key) else {
            return Err(root.error(Problem::unexpected(EXPECTED, key)).into());
        };
        let loss = value.number()?;
        match places.entry(shape) {
            Occupied(place) => {
                let lowest = &mut losses[*place.get()].1;
                *lowest = lowest.min(loss);
            }
            Vacant(place) => {
                place.insert(losses.len());
                losses.push((shape, loss));
            }
        }
    }
    truth(&root.place().file, &losses)
}

/// The table that is built in, a row for each shape.
pub(crate) fn read_built_in(text: &str) -> Result<GroundTruth, Error> {
    let columns = Columns::parse(text);
    let size = |row: &[f64], name: &str| columns.get(row, name) as usize;
    let rows = columns.rows.iter().map(|row| {
        let shape = Shape {
            width: size(row, "width"),
            blocks: size(row, "blocks"),
            heads: size(row, "heads"),
        };
        (shape, columns.get(row, "loss"))
    });
    truth(Path::new("openlm"), &rows.collect::<Vec<_>>())
}

fn truth(path: &Path, losses: &[(Shape, f64)]) -> Result<GroundTruth, Error> {
    let entry = |(shape, loss): &(Shape, f64)| {
        let place = |invalid| {
            lpzero_arch::Place {
                file: path.to_owned(),
                record: Some(shape.id()),
                key: String::new(),
            }
            .invalid(invalid)
        };
        let architecture = shape.decoder().architecture();
        architecture.validate().map_err(place)?;
        Ok(Entry {
            id: shape.id(),
            architecture,
            score: -loss,
            trainings: Vec::new(),
        })
    };
    Ok(GroundTruth {
        name: "openlm".into(),
        path: path.to_owned(),
        metric: "loss".into(),
        lower_is_better: true,
        reading: None,
        family: Family::General,
        provenance: None,
        remarks: Vec::new(),
        entries: losses.iter().map(entry).collect::<Result<_, Error>>()?,
    })
}
