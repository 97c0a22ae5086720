//! A training that stops and goes on ends with the bits of one that does not, on
//! any number of threads.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lpzero_arch::{Architecture, Document, Reading, read_value};
use lpzero_nn::Workspace;
use lpzero_run::Cancel;
use lpzero_train::{CHECKPOINT, CURVE, Control, Error, Plan, Recipe, Synthetic, Training};

fn decoder() -> Architecture {
    let plan = Plan::tiny().unwrap();
    plan.draw(0)
        .into_iter()
        .find(|(id, _)| id.starts_with("3x16"))
        .unwrap()
        .1
}

/// Masked tokens: positions that are masked change from batch to batch.
fn encoder() -> Architecture {
    let config = r#"{"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 128,
        "max_position_embeddings": 32}"#;
    let document = Document::parse_json("config.json", config).unwrap();
    read_value(&document.root(), Reading::AsTrained).unwrap().0
}

fn recipe() -> Recipe {
    Recipe {
        steps: 12,
        batch: 4,
        positions: 32,
        accumulate: 2,
        warm_up: 3,
        validate_every: 5,
        validation_batches: 2,
        ..Recipe::default()
    }
}

/// The checkpoint and the curve of a training that ran through.
fn whole(architecture: &Architecture, folder: &Path, workspace: Workspace<f32>) -> [Vec<u8>; 2] {
    let (recipe, batches) = (recipe(), Synthetic::new(7));
    let mut training = Training::new(architecture, &recipe, &batches, 7, workspace).unwrap();
    training
        .run(control(&Cancel::new(), &mut |_| (), folder))
        .unwrap();
    files(folder)
}

fn control<'a>(
    cancel: &'a Cancel,
    progress: &'a mut dyn FnMut(&lpzero_train::Point),
    folder: &'a Path,
) -> Control<'a> {
    Control {
        cancel,
        progress,
        checkpoints: Some((folder, Duration::from_secs(3600))),
    }
}

fn files(folder: &Path) -> [Vec<u8>; 2] {
    [CHECKPOINT, CURVE].map(|name| fs::read(folder.join(name)).unwrap())
}

#[test]
fn an_interrupted_training_ends_with_the_same_bits() {
    for architecture in [decoder(), encoder()] {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let expected = whole(&architecture, folders[0].path(), Workspace::new());
        let folder = folders[1].path();
        let (recipe, batches) = (recipe(), Synthetic::new(7));
        let begin = || {
            let mut training =
                Training::new(&architecture, &recipe, &batches, 7, Workspace::new()).unwrap();
            training.resume(folder).unwrap();
            training
        };
        for stop in [4, 5, 9] {
            let cancel = Cancel::new();
            let mut training = begin();
            let mut progress = |point: &lpzero_train::Point| {
                if point.step == stop {
                    cancel.cancel();
                }
            };
            let stopped = training.run(control(&cancel, &mut progress, folder));
            assert!(matches!(stopped, Err(Error::Cancelled)));
            assert_eq!(training.step(), stop);
        }
        // What a killed process leaves: updates in the curve that the checkpoint
        // does not know, and a file that was being written.
        let mut ahead = begin();
        ahead.update().unwrap();
        ahead.curve().write(&folder.join(CURVE)).unwrap();
        fs::write(folder.join("checkpoint.part"), "half").unwrap();
        let mut training = begin();
        training
            .run(control(&Cancel::new(), &mut |_| (), folder))
            .unwrap();
        assert!(
            files(folder) == expected,
            "other bits after an interruption"
        );
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let alone = whole(&decoder(), folders[0].path(), Workspace::new());
    let pool = lpzero_train_pool(3);
    let together = whole(&decoder(), folders[1].path(), Workspace::on(pool));
    assert!(alone == together);
}

fn lpzero_train_pool(threads: usize) -> Arc<rayon::ThreadPool> {
    Arc::new(
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap(),
    )
}

#[test]
fn foreign_and_damaged_checkpoints_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    whole(&decoder(), folder.path(), Workspace::new());
    let (recipe, batches) = (recipe(), Synthetic::new(7));
    let complaint = |architecture: &Architecture, recipe: &Recipe| {
        let mut training =
            Training::new(architecture, recipe, &batches, 7, Workspace::new()).unwrap();
        training.resume(folder.path()).unwrap_err().to_string()
    };
    assert!(complaint(&encoder(), &recipe).contains("another architecture"));
    let other = Recipe {
        learning_rate: 1e-4,
        ..recipe.clone()
    };
    assert!(complaint(&decoder(), &other).contains("another recipe"));
    let path = folder.path().join(CHECKPOINT);
    let bytes = fs::read(&path).unwrap();
    for cut in [bytes.len() - 1, 100, 3] {
        fs::write(&path, &bytes[..cut]).unwrap();
        let complaint = complaint(&decoder(), &recipe);
        assert!(complaint.contains(CHECKPOINT), "{complaint}");
    }
}
