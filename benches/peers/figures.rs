//! Medians, and numbers that people can read.

/// The value below which this share of all is: 0.5 is the median, 1 the greatest.
pub fn quantile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// Three decimals where they say something.
pub fn rounded(value: f64) -> f64 {
    if value.abs() < 1000.0 { (value * 1000.0).round() / 1000.0 } else { value.round() }
}
