//! Sub-networks of a super-network: scores from one pass, and the best choice of them.
use lpzero::arch::{Architecture, Document, Space};
use lpzero::nas::{Bound, Cost, Scorer};
use lpzero::supernet::{Restricted, SubNetworkScorer, Supernet, SupernetWeights};
use lpzero::{Pass, Proxy, Workbench};

const SPACE: &str = r#"{"format": "lpzero-space", "version": 1, "space": {
    "name": "mini", "blocks": [3],
    "variables": [
        {"name": "heads", "per": "block", "choices": [4, 1, 2]},
        {"name": "hidden", "per": "block", "choices": [8, 24, 16]},
        {"name": "rank", "per": "block", "choices": [2, 1]}],
    "template": {
        "model_type": "llama", "hidden_size": 24, "num_hidden_layers": "$blocks",
        "num_attention_heads": {"$each": "$heads"}, "num_key_value_heads": {"$each": "$heads"},
        "head_dim": 6, "intermediate_size": {"$each": "$hidden"}, "vocab_size": 60,
        "max_position_embeddings": 32, "initializer_range": 0.2,
        "lora_ranks": {"q_proj": {"$each": "$rank"}, "down_proj": 3}}}}"#;

fn space() -> Space {
    let document = Document::parse_json("mini.json", SPACE).unwrap();
    Space::of(&document.root()).unwrap()
}

fn workbench() -> Workbench {
    let pass = Pass {
        batch: 2,
        positions: 12,
        ..Pass::default()
    };
    (Workbench::new(2).unwrap()).with_seed(1).with_pass(pass)
}

fn proxies(texts: &[&str]) -> Vec<Proxy> {
    texts
        .iter()
        .map(|text| Proxy::parse(text).unwrap())
        .collect()
}

fn restricted(supernet: &Supernet<'_>, workbench: &Workbench, proxies: &[Proxy]) -> Restricted {
    supernet.restricted(workbench, proxies).unwrap()
}

/// Some sub-networks: options of blocks by number.
fn some() -> Vec<Vec<usize>> {
    let number = |i: usize| [i * 7 % 18, i * 5 % 18, (i * 11 + 3) % 18];
    (0..40).map(|i| number(i).to_vec()).collect()
}

fn direct(
    workbench: &Workbench,
    supernet: &Supernet<'_>,
    proxy: &Proxy,
    architectures: &[Architecture],
) -> Vec<f64> {
    let mut scorer = SubNetworkScorer {
        workbench,
        supernet,
        restricted: None,
        proxy,
    };
    let ids: Vec<String> = (0..architectures.len()).map(|i| i.to_string()).collect();
    let scores = scorer.scores(&ids, architectures).unwrap();
    scores.iter().map(|s| s * f64::from(proxy.sign)).collect()
}

#[test]
fn a_restricted_score_of_weights_is_the_direct_one() {
    let (space, workbench) = (space(), workbench());
    let supernet = Supernet::new(&space, SupernetWeights::Seeded, &workbench).unwrap();
    let proxies = proxies(&[
        "sum(l2(W))",
        "sum[ffn](mean(abs(W))) / params",
        "max[attn](std(W))",
        "sum(mean(sigmoid(W))) * layers",
        "sum(nuclear(W))",
    ]);
    let restricted = restricted(&supernet, &workbench, &proxies);
    let networks: Vec<Architecture> = (some().iter())
        .map(|options| supernet.sub_network(options).unwrap().1)
        .collect();
    let rows: Vec<Vec<f64>> = networks.iter().map(|a| restricted.scores(a)).collect();
    for (number, proxy) in proxies.iter().enumerate() {
        let direct = direct(&workbench, &supernet, proxy, &networks);
        for (row, direct) in rows.iter().zip(direct) {
            let found = row[number];
            assert!(
                (found - direct).abs() <= 1e-4 * direct.abs(),
                "{}: {found} for {direct}",
                proxy.name
            );
        }
    }
}

#[test]
fn the_whole_network_has_its_own_scores() {
    let (space, workbench) = (space(), workbench());
    let supernet = Supernet::new(&space, SupernetWeights::Seeded, &workbench).unwrap();
    let proxies = proxies(&[
        "snip",
        "grad_norm",
        "sum[attn](mean(S))",
        "sum(mean(abs(X * 2)))",
        "loss * sum[ffn](sqrt(mean(abs(D))))",
        "sum[norm](std(A))",
        "sum(mean(abs(A * D)))",
    ]);
    let restricted = restricted(&supernet, &workbench, &proxies);
    let whole = [supernet.whole().clone()];
    let scores = restricted.scores(&whole[0]);
    for (proxy, score) in proxies.iter().zip(scores) {
        let direct = direct(&workbench, &supernet, proxy, &whole)[0];
        assert!(
            (score - direct).abs() <= 1e-6 * direct.abs(),
            "{}: {score} for {direct}",
            proxy.name
        );
    }
}

#[test]
fn the_best_under_a_budget_is_the_best_of_all() {
    let (space, workbench) = (space(), workbench());
    let supernet = Supernet::new(&space, SupernetWeights::Seeded, &workbench).unwrap();
    let all: Vec<Vec<usize>> = (0..18 * 18 * 18)
        .map(|i| vec![i % 18, i / 18 % 18, i / 324])
        .collect();
    let networks: Vec<Architecture> = (all.iter())
        .map(|options| supernet.sub_network(options).unwrap().1)
        .collect();
    let proxies = proxies(&[
        "snip",
        "-3 * mean(l2(G))",
        "sum(l2(W)) - 2 * sum[ffn](l1(G))",
    ]);
    let restricted = restricted(&supernet, &workbench, &proxies);
    for (cost, most) in [(Cost::Params, 7_000.0), (Cost::Flops, 160_000.0)] {
        let bound = Bound {
            cost,
            least: f64::NEG_INFINITY,
            most,
        };
        let affordable = |network: &&Architecture| match cost {
            Cost::Params => network.parameters().total() as f64 <= most,
            _ => network.flops(12) as f64 <= most,
        };
        let affordable: Vec<&Architecture> = networks.iter().filter(affordable).collect();
        assert!(!affordable.is_empty() && affordable.len() < networks.len());
        for (number, proxy) in proxies.iter().enumerate() {
            assert!(restricted.adds(number));
            let solved = supernet.solve(&restricted, number, &bound, (2, 12), 3);
            let solved = solved.unwrap().unwrap();
            let scores = affordable.iter().map(|a| restricted.scores(a)[number]);
            let best = scores.fold(f64::NEG_INFINITY, f64::max);
            let found = solved[0].score;
            assert!(
                (found - best).abs() <= 1e-12 * best.abs(),
                "{}: {found} for {best}",
                proxy.name
            );
            assert!(solved[0].costs.get(cost).unwrap() <= most);
            assert!(solved.windows(2).all(|pair| pair[0].score >= pair[1].score));
        }
    }
}

#[test]
fn what_does_not_add_is_not_solved_for_and_what_needs_more_passes_is_refused() {
    let (space, workbench) = (space(), workbench());
    let supernet = Supernet::new(&space, SupernetWeights::Seeded, &workbench).unwrap();
    let products = proxies(&["sum(l2(W)) * sum(l2(G))", "max(l2(W))"]);
    let restricted = restricted(&supernet, &workbench, &products);
    assert!(!restricted.adds(0) && !restricted.adds(1));
    for (formula, reason) in [
        ("grasp", "further pass"),
        ("synflow", "further pass"),
        ("sum(mean(W / sum(l2(W))))", "whole network"),
    ] {
        let refused = supernet.restricted(&workbench, &proxies(&[formula]));
        let error = refused.err().unwrap().to_string();
        assert!(error.contains(reason), "{formula}: {error}");
    }
}
