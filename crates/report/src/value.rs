//! Fields of documents that others wrote: what is missing or of another type is nothing.

use serde_json::Value;

/// A field, by a path of keys joined by dots.
pub fn at<'a>(document: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(document, |value, key| {
        value.get(key).unwrap_or(&Value::Null)
    })
}

/// A number.
pub fn number(document: &Value, path: &str) -> Option<f64> {
    at(document, path).as_f64()
}

/// A text; empty where there is none.
pub fn text(document: &Value, path: &str) -> String {
    match at(document, path) {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// An interval.
pub fn interval(document: &Value, path: &str) -> Option<[f64; 2]> {
    let ends = at(document, path);
    Some([ends.get(0)?.as_f64()?, ends.get(1)?.as_f64()?])
}

/// A list; empty where there is none.
pub fn list<'a>(document: &'a Value, path: &str) -> &'a [Value] {
    at(document, path).as_array().map_or(&[], Vec::as_slice)
}

/// Percent of a share.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// An interval of shares in words, in brackets. One without width says only that there is too
/// little to draw again from.
pub fn percents(ends: Option<[f64; 2]>) -> String {
    ends.filter(|[low, high]| low < high).map_or_else(
        || "(no interval: too few pairs)".to_owned(),
        |[low, high]| {
            format!(
                "(95 % interval {:.0} to {:.0} %)",
                100.0 * low,
                100.0 * high
            )
        },
    )
}
