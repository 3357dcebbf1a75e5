//! What SockJS clients ask for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scan_login::transport::sockjs::properties;

fuzz_target!(|data: &[u8]| properties::paths(data));
