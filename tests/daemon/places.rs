//! A small database of places, in MaxMind's format.

use std::collections::BTreeMap;

use maxminddb_writer::Database;
use maxminddb_writer::metadata::IpVersion;
use maxminddb_writer::paths::IpAddrWithMask;
use serde_json::json;

/// Beijing, where this machine is, too; a town beside it, and Seoul.
pub fn places() -> Vec<u8> {
    let mut database = Database::default();
    database.metadata.ip_version = IpVersion::V6;
    database.metadata.binary_format_major_version = 2;
    database.metadata.database_type = "Test-City".into();
    database.metadata.languages = vec!["en".into(), "zh-CN".into()];
    for (network, country, name, chinese, latitude, longitude) in [
        ("::127.0.0.0/104", "CN", "Beijing", "北京", 39.90, 116.40),
        ("::203.0.113.0/120", "CN", "Beijing", "北京", 39.90, 116.40),
        ("::192.0.2.0/120", "CN", "Langfang", "廊坊", 39.54, 116.68),
        ("::198.51.100.0/120", "KR", "Seoul", "首尔", 37.57, 126.98),
    ] {
        let names = BTreeMap::from([("en", name), ("zh-CN", chinese)]);
        let country_names = if country == "CN" {
            [("en", "China"), ("zh-CN", "中国")]
        } else {
            [("en", "South Korea"), ("zh-CN", "韩国")]
        };
        let entry = json!({
            "country": { "iso_code": country, "names": BTreeMap::from(country_names) },
            "city": { "names": names },
            "location": { "latitude": latitude, "longitude": longitude },
        });
        let data = database.insert_value(entry).unwrap();
        database.insert_node(network.parse::<IpAddrWithMask>().unwrap(), data);
    }
    let mut bytes = Vec::new();
    database.write_to(&mut bytes).unwrap();
    bytes
}
