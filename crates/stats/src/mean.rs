//! Confidence intervals of means.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Student's confidence interval of a mean; `None` for fewer than two values, or
/// where one is not finite.
pub fn mean_interval(values: &[f64], confidence: f64) -> Option<[f64; 2]> {
    let (n, freedom) = (values.len() as f64, values.len() as f64 - 1.0);
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
    let half = student.inverse_cdf(0.5 + 0.5 * confidence) * (squares / freedom / n).sqrt();
    half.is_finite().then_some([mean - half, mean + half])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn intervals_of_means_are_those_of_scipy() {
        // scipy.stats.t.interval(0.95, 2, mean, scipy.stats.sem([1, 2, 4]))
        let [low, high] = mean_interval(&[1.0, 2.0, 4.0], 0.95).unwrap();
        assert!((low + 1.461249700406131).abs() < 1e-9, "{low}");
        assert!((high - 6.127916367072798).abs() < 1e-9, "{high}");
        assert_eq!(mean_interval(&[1.0], 0.95), None);
        assert_eq!(mean_interval(&[1.0, f64::NAN], 0.95), None);
    }
}
