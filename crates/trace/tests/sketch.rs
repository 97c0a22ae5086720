//! The sample of a tensor: fixed, complete along dimension 0, inside the tensor.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use lpzero_trace::{MOST_FIBRE_ROWS, POINTS, Sketch, kept};

const SHAPES: [&[usize]; 15] = [
    &[1],
    &[128],
    &[768],
    &[1, 1],
    &[2, 128],
    &[30, 17],
    &[256, 2],
    &[129, 4],
    &[1024, 256],
    &[5000, 64],
    &[30522, 128],
    &[70_000, 3],
    &[4, 64, 256],
    &[4, 8, 64, 64],
    &[256, 1, 9],
];

fn elements(shape: &[usize]) -> usize {
    shape.iter().product()
}

#[test]
fn tensors_of_one_shape_are_sampled_at_the_same_positions() {
    for shape in SHAPES {
        assert_eq!(Sketch::of_shape(shape), Sketch::of_shape(shape));
    }
}

#[test]
fn the_sample_never_changes_between_versions() {
    // A change here invalidates every cached trace: raise the format version.
    let sketch = Sketch::of_shape(&[1024, 256]);
    assert_eq!(&sketch.points()[..4], PUBLISHED_POINTS);
    assert_eq!(&sketch.fibres()[..2], PUBLISHED_FIBRES);
}

const PUBLISHED_POINTS: &[usize] = &[167, 978, 1122, 1840];
const PUBLISHED_FIBRES: &[usize] = &[43, 299];

#[test]
fn points_are_distinct_elements_of_the_tensor() {
    for shape in SHAPES {
        let sketch = Sketch::of_shape(shape);
        let distinct: HashSet<_> = sketch.points().iter().collect();
        assert_eq!(distinct.len(), sketch.points().len(), "{shape:?}");
        assert!(
            sketch.points().iter().all(|&p| p < elements(shape)),
            "{shape:?}"
        );
        assert!(sketch.points().len() <= POINTS.max(elements(shape).min(POINTS)));
        assert!(
            sketch.points().len() * 2 > POINTS.min(elements(shape)),
            "{shape:?}"
        );
    }
}

#[test]
fn a_small_tensor_is_kept_whole_and_in_order() {
    for shape in [&[128][..], &[2, 128], &[30, 17], &[256, 2]] {
        let sketch = Sketch::of_shape(shape);
        let whole: Vec<usize> = (0..elements(shape)).collect();
        assert_eq!(sketch.points(), whole, "{shape:?}");
    }
}

#[test]
fn fibres_are_complete_columns_along_dimension_0() {
    for shape in SHAPES {
        let sketch = Sketch::of_shape(shape);
        let positions = match sketch.fibres() {
            [] => sketch.points(),
            fibres => fibres,
        };
        let columns = elements(shape) / shape[0];
        let rows = shape[0].min(MOST_FIBRE_ROWS);
        assert_eq!(positions.len(), rows * sketch.fibre_count(), "{shape:?}");
        for (row, in_row) in positions.chunks(sketch.fibre_count()).enumerate() {
            for (found, first) in in_row.iter().zip(positions) {
                let row = row * shape[0] / rows;
                assert_eq!(*found, row * columns + first, "{shape:?}");
            }
        }
    }
}

#[test]
fn a_batch_of_activations_gives_128_columns_in_the_points() {
    let sketch = Sketch::of_shape(&[4, 64, 256]);
    assert!(sketch.fibres().is_empty());
    assert_eq!(sketch.fibre_count(), 128);
    assert_eq!(sketch.points().len(), 512);
}

#[test]
fn a_vocabulary_table_gives_a_sample_of_one_column() {
    let sketch = Sketch::of_shape(&[30522, 128]);
    assert_eq!((sketch.points().len(), sketch.fibres().len()), (512, 4096));
}

#[test]
fn what_is_kept_is_the_nearest_of_sixteen_bits() {
    let one_more = 1.0 + 2.0f32.powi(-7);
    for (x, expected) in [
        (0.0, 0.0),
        (-1.0, -1.0),
        (1.0 + 2.0f32.powi(-9), 1.0),
        (1.0 + 2.0f32.powi(-8), 1.0), // A tie goes to the even one.
        (1.0 + 2.0f32.powi(-8) + 2.0f32.powi(-20), one_more),
        (1e-30, 9.984e-31),
        (f32::MAX, 3.3895e38),
        (f32::NEG_INFINITY, f32::NEG_INFINITY),
    ] {
        let found = kept(x);
        assert!(
            found == expected || (found / expected - 1.0).abs() < 1e-4,
            "{x} {found}"
        );
        assert_eq!(kept(found), found);
    }
    assert!(kept(f32::NAN).is_nan());
}

#[test]
fn the_points_of_a_matrix_estimate_its_mean() {
    // Element = its own flat position, scaled to 0..1: the stratified sample
    // of 512 is within 1 % of the true mean.
    let length = 1024 * 256;
    let data: Vec<f32> = (0..length).map(|i| i as f32 / length as f32).collect();
    let (points, fibres) = Sketch::of_shape(&[1024, 256]).sample(&data);
    let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
    assert!((mean(&points) - 0.5).abs() < 0.01);
    assert!((mean(&fibres) - 0.5).abs() < 0.01);
}
