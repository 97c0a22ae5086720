//! Small FlexiBERT benchmarks to run searches on.

use std::path::Path;

/// One FlexiBERT layer of plain attention with two heads.
pub fn layer(stacked: usize, width: usize) -> serde_json::Value {
    serde_json::json!({
        "operation_type": "SA",
        "operation_parameter": "SDP",
        "num_operation_heads": 2,
        "feed_forward_dimension": width,
        "num_feed_forward": stacked,
    })
}

/// A FlexiBERT benchmark of `n` small encoders whose score grows with depth
/// and with stacked feed-forwards.
pub fn benchmark(n: usize) -> serde_json::Value {
    let records: Vec<_> = (0..n)
        .map(|id| {
            let depth = 1 + id % 3;
            let stacked = 2 + (id / 3) % 2;
            // No two networks are equal: equal ones would bind a split.
            let layers: Vec<_> = (0..depth).map(|_| layer(stacked, 32 + 8 * id)).collect();
            serde_json::json!({
                "id": id,
                "scores": { "glue": 60.0 + 4.0 * depth as f64 + stacked as f64 + 0.01 * id as f64 },
                "hparams": { "model_hparam_overrides": {
                    "hidden_size": 32,
                    "nas_config": { "encoder_layers": layers },
                }},
            })
        })
        .collect();
    serde_json::Value::Array(records)
}

/// Writes a benchmark below `folder` and returns its path.
pub fn write_benchmark(folder: &Path, benchmark: &serde_json::Value) -> String {
    let path = folder.join("BERT_benchmark.json");
    std::fs::write(&path, benchmark.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}
