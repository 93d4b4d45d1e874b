//! What a series of pairs says.

use std::fmt;

use serde::Serialize;

use super::ours::Measured;

/// A run of each, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// The operator's.
    pub(crate) ours: Measured,
    /// The floor's duration.
    pub(crate) floor_seconds: f64,
}

impl Pair {
    /// How many times as long as the floor the operator took.
    pub(crate) fn ratio(&self) -> f64 {
        self.ours.seconds / self.floor_seconds
    }
}

/// Median and extremes of a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// `None` of nothing. The median of an even number of values is the mean of the middle two.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Self { median: f64::midpoint(*low, *high), min, max })
    }
}

/// A series of durations.
#[derive(Clone, Copy, Debug, Serialize)]
struct Durations {
    seconds: Spread,
}

/// The measurement as it is printed.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    ours: Durations,
    floor: Durations,
    ratio: Spread,
    requests: Spread,
    #[serde(rename = "peakMemoryMiB")]
    peak_memory_mib: Spread,
    pairs: usize,
}

impl Report {
    /// `None` of no pairs.
    pub(crate) fn of(pairs: &[Pair]) -> Option<Self> {
        let spread = |value: fn(&Pair) -> f64| Spread::of(pairs.iter().map(value));
        Some(Self {
            ours: Durations { seconds: spread(|pair| pair.ours.seconds)? },
            floor: Durations { seconds: spread(|pair| pair.floor_seconds)? },
            ratio: spread(Pair::ratio)?,
            requests: spread(|pair| pair.ours.requests as f64)?,
            peak_memory_mib: spread(|pair| pair.ours.peak_memory_mib)?,
            pairs: pairs.len(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<18} {:>9} {:>9} {:>9}", format!("{} PAIRS", self.pairs), "MEDIAN", "MIN", "MAX")?;
        let rows = [
            ("ours, s", self.ours.seconds, 2),
            ("floor, s", self.floor.seconds, 2),
            ("ours / floor", self.ratio, 3),
            ("requests", self.requests, 0),
            ("peak memory, MiB", self.peak_memory_mib, 1),
        ];
        for (name, Spread { median, min, max }, digits) in rows {
            writeln!(f, "{name:<18} {median:>9.digits$} {min:>9.digits$} {max:>9.digits$}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_however_many_there_are() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn the_ratio_is_taken_pair_by_pair() {
        let pair = |ours, floor_seconds| Pair {
            ours: Measured { seconds: ours, requests: 50, peak_memory_mib: 20.0 },
            floor_seconds,
        };
        let report = Report::of(&[pair(11.0, 10.0), pair(24.0, 20.0), pair(30.0, 30.0)]);
        let json = serde_json::to_value(report).unwrap();
        assert_eq!(json["ratio"]["median"], 1.1);
        assert_eq!(json["ratio"]["max"], 1.2);
        assert_eq!(json["ours"]["seconds"]["median"], 24.0);
        assert_eq!(json["peakMemoryMiB"]["min"], 20.0);
        assert_eq!(json["pairs"], 3);
    }
}
