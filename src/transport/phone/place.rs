//! Where an address is, by a database in MaxMind's format that the operator has put there. Nobody is asked over the network.
//!
//! Format: <https://maxmind.github.io/MaxMind-DB/>; fields as in GeoIP2's and GeoLite2's databases of cities and countries.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::Reader;
use serde::Deserialize;

use crate::config::Language;

/// How far apart a phone and a browser may be that belong to one person, in kilometres. Carriers often give a phone an
/// address of a city some way off.
const FAR: f64 = 500.0;

/// The mean radius of the earth, in kilometres (IUGG).
const EARTH: f64 = 6371.0;

/// A database of places, in memory.
pub struct PlaceDatabase(Reader<Vec<u8>>);

impl fmt::Debug for PlaceDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaceDatabase")
    }
}

/// The file is not such a database.
#[derive(Debug, thiserror::Error)]
#[error("the database of places {path} cannot be used: {reason}")]
pub struct PlaceDatabaseError {
    path: PathBuf,
    reason: String,
}

/// Where an address is, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    country: Option<String>,
    /// Country and city, by language.
    names: HashMap<&'static str, String>,
    /// Latitude and longitude in degrees.
    at: Option<(f64, f64)>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    country: Named,
    city: Named,
    location: Location,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    iso_code: Option<String>,
    names: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl PlaceDatabase {
    /// Reads the whole file.
    ///
    /// # Errors
    /// [`PlaceDatabaseError`] where it cannot be read or is not such a database.
    pub fn open(path: &Path) -> Result<Self, PlaceDatabaseError> {
        let unusable = |reason: String| PlaceDatabaseError { path: path.to_owned(), reason };
        let bytes = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        Reader::from_source(bytes).map(Self).map_err(|error| unusable(error.to_string()))
    }

    /// `None` where it knows nothing of the address.
    pub(super) fn find(&self, address: IpAddr) -> Option<Place> {
        let entry: Entry = self.0.lookup(address).ok()?.decode().ok()??;
        let mut names = HashMap::new();
        for language in [CHINESE, ENGLISH] {
            let parts =
                [&entry.country, &entry.city].map(|named| named.names.get(language).or(named.names.get(ENGLISH)));
            let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            if !parts.is_empty() {
                names.insert(language, parts.join(if language == CHINESE { " " } else { ", " }));
            }
        }
        let at = entry.location.latitude.zip(entry.location.longitude);
        let at = at.filter(|(latitude, longitude)| latitude.abs() <= 90.0 && longitude.abs() <= 180.0);
        Some(Place { country: entry.country.iso_code, names, at })
    }
}

const CHINESE: &str = "zh-CN";
const ENGLISH: &str = "en";

impl Place {
    /// Country and city in the reader's language, where they are known.
    pub(super) fn name(&self, language: Language) -> Option<&str> {
        let language = match language {
            Language::Chinese => CHINESE,
            Language::English => ENGLISH,
        };
        self.names.get(language).map(String::as_str)
    }

    /// Whether the two are in different countries, or more than 500 km apart. What is not known is not far.
    pub(super) fn is_far_from(&self, other: &Self) -> bool {
        let differ = self.country.as_ref().zip(other.country.as_ref()).is_some_and(|(one, other)| one != other);
        differ || self.at.zip(other.at).is_some_and(|(one, other)| kilometres(one, other) > FAR)
    }
}

/// Along the surface (haversine formula).
fn kilometres((latitude, longitude): (f64, f64), other: (f64, f64)) -> f64 {
    let (one, two) = (latitude.to_radians(), other.0.to_radians());
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let chord = half(two - one) + one.cos() * two.cos() * half((other.1 - longitude).to_radians());
    2.0 * EARTH * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(country: &str, at: (f64, f64)) -> Place {
        Place { country: Some(country.into()), names: HashMap::new(), at: Some(at) }
    }

    #[test]
    fn another_country_is_far_and_so_are_more_than_500_km() {
        let beijing = place("CN", (39.90, 116.40));
        let tianjin = place("CN", (39.13, 117.20));
        let shanghai = place("CN", (31.23, 121.47));
        let seoul = place("KR", (37.57, 126.98));
        assert!(!beijing.is_far_from(&beijing) && !beijing.is_far_from(&tianjin));
        assert!(beijing.is_far_from(&shanghai) && beijing.is_far_from(&seoul));
        let (hekou, lao_cai) = (place("CN", (22.51, 103.95)), place("VN", (22.49, 103.97)));
        assert!(hekou.is_far_from(&lao_cai), "a border counts, however near");
    }

    #[test]
    fn what_is_not_known_is_not_far() {
        let known = place("CN", (39.90, 116.40));
        assert!(!known.is_far_from(&Place::default()) && !Place::default().is_far_from(&known));
    }

    #[test]
    fn the_distance_is_that_of_the_surface() {
        assert!((kilometres((39.90, 116.40), (31.23, 121.47)) - 1068.0).abs() < 10.0);
        assert!((kilometres((0.0, 179.9), (0.0, -179.9)) - 22.2).abs() < 0.1, "over the date line");
    }
}
