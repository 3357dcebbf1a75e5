//! Medians, ratios beside what they are to be, and numbers that people can read.

use serde_json::{Map, Value, json};

/// The value below which this share of all is: 0.5 is the median, 1 the greatest.
fn quantile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
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

/// What a ratio is to be.
#[derive(Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
    /// It is told, and nothing is asked of it.
    None,
}

impl Target {
    /// None where nothing is asked, and of an unoptimized build, which shows nothing.
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            _ if cfg!(debug_assertions) => None,
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::Below(bound) => Some(value < bound),
            Self::None => None,
        }
    }

    fn told(self) -> Option<String> {
        match self {
            Self::AtLeast(least) => Some(format!("at least {least}")),
            Self::AtMost(most) => Some(format!("at most {most}")),
            Self::Below(bound) => Some(format!("below {bound}")),
            Self::None => None,
        }
    }
}

/// A ratio that was taken in each round, since machines drift, and what it is to be.
pub struct Comparison {
    name: &'static str,
    ratios: Vec<f64>,
    target: Target,
}

impl Comparison {
    /// Of what both had in the same rounds.
    pub fn of(name: &'static str, one: &[f64], other: &[f64], target: Target) -> Self {
        Self::of_ratios(name, one.iter().zip(other).map(|(one, other)| one / other).collect(), target)
    }

    pub fn of_ratios(name: &'static str, ratios: Vec<f64>, target: Target) -> Self {
        Self { name, ratios, target }
    }

    /// As an object, and as a table for eyes.
    pub fn told(all: &[Self]) -> Value {
        let mut told = Map::new();
        for Self { name, ratios, target } in all {
            let at = |share| rounded(quantile(ratios.iter().copied(), share));
            let (median, asked) = (at(0.5), target.told());
            let met = target.is_met(median);
            let verdict = match met {
                Some(true) => "met",
                Some(false) => "missed",
                None => "",
            };
            eprintln!("{name:<30} {median:>9}   {:<15} {verdict}", asked.as_deref().unwrap_or_default());
            let object = json!({ "median": median, "quartiles": [at(0.25), at(0.75)], "target": asked, "is_met": met });
            told.insert((*name).into(), object);
        }
        told.into()
    }
}
