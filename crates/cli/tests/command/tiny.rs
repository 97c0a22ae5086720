//! The ground truth `tiny` is what its plan makes; commands use real decoders where none
//! is named.
use std::collections::HashSet;

use crate::support::lpzero;
use lpzero::run::Cancel;
use lpzero::train::{Plan, build};
use lpzero::truth::embedded;

#[test]
fn the_table_holds_every_training_of_its_plan() {
    let truth = embedded("tiny").unwrap().read().unwrap();
    let plan = Plan::tiny().unwrap();
    assert_eq!(truth.entries.len(), embedded("tiny").unwrap().entries);
    let provenance = truth.provenance.as_ref().unwrap();
    // A file may say 1 where a plan says 1.0: the same number.
    let built: Plan = serde_json::from_value(provenance["plan"].clone()).unwrap();
    assert_eq!(built, plan);
    assert_eq!(
        provenance["command"],
        embedded("tiny").unwrap().command.unwrap()
    );
    let drawn = plan.draw(provenance["seed"].as_u64().unwrap());
    for ((id, architecture), entry) in drawn.iter().zip(&truth.entries) {
        assert_eq!((id, architecture), (&entry.id, &entry.architecture));
        let seeds: HashSet<u64> = entry
            .trainings
            .iter()
            .map(|training| training.seed)
            .collect();
        assert_eq!(seeds, (0..plan.seeds).collect());
        let losses = entry.trainings.iter().map(|training| training.metric);
        let mean = losses.sum::<f64>() / plan.seeds as f64;
        assert!((entry.score + mean).abs() < 1e-6, "{id}");
    }
    let floor = build::floor(&plan, &lpzero::run::Cancel::NEVER)
        .unwrap()
        .unwrap();
    assert!((floor - provenance["entropy_floor"].as_f64().unwrap()).abs() < 1e-6);
    assert!(truth.entries.iter().all(|entry| -entry.score > floor));
}

/// The whole recipe, on the entry that costs least. Losses depend on the
/// instruction set in their last digits, which training makes larger.
#[test]
fn one_entry_trained_again_has_its_loss() {
    let truth = embedded("tiny").unwrap().read().unwrap();
    let plan = Plan::tiny().unwrap();
    let cost = |entry: &&lpzero::truth::Entry| entry.architecture.flops(plan.recipe.positions);
    let entry = truth.entries.iter().min_by_key(cost).unwrap();
    let cancel = Cancel::new();
    let again = build::train_one(&entry.architecture, &plan.recipe, 0, &cancel).unwrap();
    let difference = (again.metric - entry.trainings[0].metric).abs();
    let machine = &truth.provenance.as_ref().unwrap()["machine"];
    let same = machine
        .as_str()
        .unwrap()
        .ends_with(&format!("{:?}", lpzero::nn::InstructionSet::in_use()));
    let tolerance = if same { 1e-6 } else { 0.02 };
    assert!(difference <= tolerance, "{}: {difference}", entry.id);
}

#[test]
fn commands_use_real_decoders_where_no_ground_truth_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let rank = |arguments: &[&str]| {
        let arguments = [&["rank", "--proxy", "params", "--json"], arguments].concat();
        lpzero(folder.path(), &arguments).json()
    };
    let (openlm, tiny) = (rank(&[]), rank(&["--truth", "tiny"]));
    assert_eq!(
        (&openlm["truth"], &openlm["n"]),
        (&"openlm".into(), &130.into())
    );
    assert_eq!((&tiny["truth"], &tiny["n"]), (&"tiny".into(), &200.into()));
    // As the independent oracle of equal-size accuracy has it.
    assert_eq!(openlm["rows"][0]["same_size_pairs"], 294);
    let same_size = openlm["rows"][0]["same_size"].as_f64().unwrap();
    assert!((same_size - 0.5408).abs() < 1e-4, "{same_size}");
    let search = [
        "search", "--truth", "tiny", "--split", "20/10", "--budget", "50", "--json",
    ];
    assert_eq!(lpzero(folder.path(), &search).json()["truth"], "tiny");
}
