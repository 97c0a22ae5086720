//! The command on a LiteTransformerSearch folder of Transformer-XL.
use std::fs;
use std::path::Path;

use crate::support::lpzero;
use lpzero::arch::{Reading, read_architecture};

const SIZES: [&str; 6] = ["--batch", "2", "--positions", "12", "--threads", "2"];
const POSITIONAL: &str = "sum[relative-key](sum(abs(W * G)))";

/// Depth, width and perplexity of each network.
const NETWORKS: [(usize, usize, f64); 4] =
    [(1, 32, 90.0), (2, 32, 70.0), (2, 64, 50.0), (4, 64, 30.0)];

/// Writes the folder as it is published; `changes` are made in every file.
fn folder(place: &Path, changes: &[(&str, &str)]) -> String {
    let folder = place.join("random_TransXL_wt103");
    let mut summary = String::new();
    for (job, (depth, width, perplexity)) in NETWORKS.into_iter().enumerate() {
        let heads = [2, 4, 8, 4];
        let hidden = [100, 80, 120, 90];
        let config = format!(
            "adaptive: true\nattn_type: 0\nclamp_len: -1\ncutoffs: [50, 100, 300]\nd_embed: -1\n\
             d_head: -1\nd_inner: {:?}\nd_model: {width}\ndiv_val: 2\next_len: 0\nmem_len: 16\n\
             n_head: {:?}\nn_layer: {depth}\nn_token: 300\npre_lnorm: false\nsame_length: false\n\
             tgt_len: 16\ntie_projs: [false, true, true, true]\ntie_weight: true\n",
            &hidden[..depth],
            &heads[..depth],
        );
        let config = (changes.iter()).fold(config, |text, (from, to)| text.replace(from, to));
        let file = folder.join(format!("config_0/j{job}/model_config.yaml"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, config).unwrap();
        summary += &format!("config_0_j{job}: {{test_ppl: 1.0, valid_ppl: {perplexity}}}\n");
    }
    fs::write(folder.join("ppl_summary.yaml"), summary).unwrap();
    folder.to_str().unwrap().to_owned()
}

/// Exact scores of the folder by id, a column for each proxy.
fn scores(place: &Path, truth: &str, proxies: &[&str]) -> Vec<(String, Vec<f64>)> {
    let mut arguments = vec!["score", "--truth", truth, "--format", "csv"];
    arguments.extend(proxies.iter().flat_map(|proxy| ["--proxy", proxy]));
    let run = lpzero(place, &[&arguments[..], &SIZES].concat());
    assert_eq!(run.status, 0, "{}", run.stderr);
    let row = |line: &str| {
        let (id, numbers) = line.split_once(',').unwrap();
        let numbers = numbers.split(',').map(|number| number.parse().unwrap());
        (id.to_owned(), numbers.collect())
    };
    run.stdout.lines().skip(1).map(row).collect()
}

#[test]
fn score_reads_the_relative_network() {
    let place = tempfile::tempdir().unwrap();
    let truth = folder(place.path(), &[]);
    let found = scores(place.path(), &truth, &["params", "snip", POSITIONAL]);
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    let expected = ["config_0_j0", "config_0_j1", "config_0_j2", "config_0_j3"];
    assert_eq!(ids, expected);
    for (job, (_, scores)) in found.iter().enumerate() {
        let file = Path::new(&truth).join(format!("config_0/j{job}"));
        let architecture = read_architecture(&file, Reading::default()).unwrap();
        assert_eq!(scores[0], architecture.parameters().total() as f64);
        // The keys of distances are part of what snip sums.
        assert!(scores[2] > 0.0 && scores[2] < scores[1]);
    }

    // Another memory is empty too on a first segment; norms elsewhere are
    // another network.
    let changed = |changes| {
        let place = tempfile::tempdir().unwrap();
        let truth = folder(place.path(), &[changes]);
        scores(place.path(), &truth, &["params", "snip", POSITIONAL])
    };
    assert_eq!(changed(("mem_len: 16", "mem_len: 0")), found);
    let norms_first = changed(("pre_lnorm: false", "pre_lnorm: true"));
    for ((_, first), (_, after)) in norms_first.iter().zip(&found) {
        assert_eq!(first[0], after[0]);
        assert_ne!(first[1], after[1]);
    }
}

#[test]
fn rank_correlates_it_with_perplexity() {
    let place = tempfile::tempdir().unwrap();
    let truth = folder(place.path(), &[]);
    let proxies = ["--proxy", "params", "--proxy", POSITIONAL];
    let arguments = [&["rank", "--json", "--truth", &truth][..], &proxies, &SIZES].concat();
    let report = lpzero(place.path(), &arguments).json();
    assert_eq!(report["truth"], "lts-transformer-xl-wt103");
    assert_eq!(report["n"], 4);
    // Perplexity falls as networks grow.
    let rows = report["rows"].as_array().unwrap();
    let of = |proxy: &str| rows.iter().find(|row| row["proxy"] == proxy).unwrap();
    assert_eq!(of("params")["tau"], 1.0);
    assert_eq!(of(POSITIONAL)["ties"], 0.0);
}

#[test]
fn other_kinds_of_attention_are_refused_at_their_key() {
    let place = tempfile::tempdir().unwrap();
    let truth = folder(place.path(), &[("attn_type: 0", "attn_type: 2")]);
    let run = lpzero(place.path(), &["rank", "--truth", &truth]);
    assert_eq!(run.status, 2);
    let expected = "config_0/j0/model_config.yaml: attn_type: expected 0, found 2";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn the_published_folder_is_known_but_not_fetched() {
    let place = tempfile::tempdir().unwrap();
    let name = "lts-transformer-xl-wt103";
    let data = place.path().to_str().unwrap();
    let run = lpzero(place.path(), &["truth", "fetch", name, "--folder", data]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("its files are not pinned"),
        "{}",
        run.stderr
    );
    let run = lpzero(place.path(), &["rank", "--truth", name]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("LPZERO_DATA"), "{}", run.stderr);
    assert!(!run.stderr.contains("truth fetch"), "{}", run.stderr);
}
