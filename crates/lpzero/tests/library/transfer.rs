//! A search for what carries over: what it reports is about ground truths that took no part.

use lpzero::search::{Method, Settings};
use lpzero::truth::{GroundTruth, embedded};
use lpzero::variation::{MOST_NETWORKS, VARIATIONS};
use lpzero::{Proxy, SearchOptions, Splits, Study, Workbench};

/// Every so-manieth network of `tiny`, under another name.
fn part(name: &str, first: usize) -> GroundTruth {
    let mut truth = embedded("tiny").unwrap().read().unwrap();
    name.clone_into(&mut truth.name);
    let mut index = 0;
    truth.entries.retain(|_| {
        index += 1;
        index % 5 == first
    });
    truth
}

fn options() -> SearchOptions {
    SearchOptions {
        method: Method::Transfer,
        further_inits: 1,
        vary: true,
        ..SearchOptions::default()
    }
}

#[test]
fn what_is_found_is_judged_where_it_took_no_part_on_any_number_of_threads() {
    let truths = || vec![part("first", 0), part("second", 1)];
    let study = |threads| Study::new(truths(), Workbench::new(threads).unwrap());
    let found = study(1).search(&options()).unwrap();
    let again = study(2).search(&options()).unwrap();
    assert_eq!(found.report, again.report);

    let report = &found.report;
    let names: Vec<&str> = report
        .leave_one_out
        .iter()
        .map(|row| &row.truth[..])
        .collect();
    assert_eq!(names, ["first", "second"]);
    for row in &report.leave_one_out {
        assert_eq!(row.test.n, 40);
        assert!(row.test.same_size.is_some() && row.test.same_size_ci.is_some());
        let counts = row.counts.as_ref().unwrap();
        let proxy = Proxy::parse(&counts.formula).unwrap();
        assert!(!proxy.needs_network(), "{}", counts.formula);
    }
    let stability = &report.best.stability;
    let measured: Vec<&str> = stability.iter().map(|on| &on.truth[..]).collect();
    assert_eq!(measured, ["first", "second"]);
    for on in stability {
        let declared = VARIATIONS.iter().map(|variation| variation.name);
        let names = on.movements.iter().map(|movement| &movement.variation[..]);
        assert!(declared.eq(names));
        assert_eq!(on.n, MOST_NETWORKS);
        // Another vocabulary leaves a ranking mostly as it is, not exactly.
        let moved = on.movements.iter().map(|movement| movement.reordered);
        assert!(moved.clone().all(|share| share < 0.5) && moved.sum::<f64>() > 0.0);
    }
    // All architectures were searched on: there is no test but the truths left out.
    assert_eq!(report.verdicts[0].verdict.search.n, 40);
    assert_eq!(report.verdicts[0].verdict.test.n, 0);

    let third = Study::new(vec![part("third", 2)], Workbench::new(2).unwrap());
    let held_out = third.hold_out(report, &options()).unwrap();
    assert_eq!((&*held_out[0].truth, held_out[0].test.n), ("third", 40));
    assert_eq!(held_out[0].formula, report.best.formula);
}

#[test]
fn a_search_up_to_a_size_is_tested_on_larger_networks() {
    let truth = part("sizes", 3);
    let mut sizes: Vec<f64> = (truth.entries.iter())
        .map(|entry| entry.architecture.parameters().total() as f64)
        .collect();
    sizes.sort_by(f64::total_cmp);
    let options = SearchOptions {
        splits: Splits::UpTo(sizes[25]),
        settings: Settings::default(),
        ..options()
    };
    let study = Study::new(vec![truth], Workbench::new(2).unwrap());
    let split = &study.splits(&options).unwrap()[0];
    assert_eq!((split.search.len(), split.test.len()), (26, 14));
    let report = study.search(&options).unwrap().report;
    assert_eq!((report.verdict.search.n, report.verdict.test.n), (26, 14));
    assert!(report.leave_one_out.is_empty());
}
