//! The certificate that the public listener shows, and its key.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, ServerConfig};

use super::section::Section;
use super::validity::{Validity, validity};
use super::{Config, Warning};
use crate::domain::Timestamp;

const CERTIFICATE: &str = "tls_certificate_file";
const KEY: &str = "tls_key_file";

/// Most bytes of a file in PEM: more is some other file.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// How long before its end a certificate is warned of, in microseconds: 14 days. Let's Encrypt's are renewed 30 days before.
const ENDS_SOON: i64 = 14 * 24 * 60 * 60 * 1_000_000;

const CHAIN_CURE: &str = "let it name the chain in PEM (-----BEGIN CERTIFICATE-----), the certificate of this host first, \
                          readable by the daemon";
const KEY_CURE: &str = "let it name the certificate's private key in PEM (PKCS#8, PKCS#1 or SEC1), without a passphrase, readable by \
                        the daemon alone";

/// What the public listener speaks TLS with: version 1.2 and 1.3, HTTP/1.1 by ALPN.
#[derive(Clone)]
pub struct Tls {
    /// For rustls.
    pub server: Arc<ServerConfig>,
    /// When the certificate of this host counts, where that can be read off it.
    validity: Option<Validity>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?})", self.validity)
    }
}

/// `None` where neither key is written, and after a fault was reported.
pub(super) fn read(section: &mut Section<'_>) -> Option<Tls> {
    let (has_chain, has_key) = (section.written(CERTIFICATE).is_some(), section.written(KEY).is_some());
    let (chain_path, key_path) = (section.path(CERTIFICATE, ""), section.path(KEY, ""));
    match (has_chain, has_key) {
        (false, false) => return None,
        (true, false) => {
            section.fault(
                CERTIFICATE,
                "is there without tls_key_file",
                "name the file of the certificate's private key, too",
            );
            return None;
        }
        (false, true) => {
            section.fault(
                KEY,
                "is there without tls_certificate_file",
                "name the file of the certificate's chain, too",
            );
            return None;
        }
        (true, true) => {}
    }
    let chain = read_file(section, CERTIFICATE, &chain_path, CHAIN_CURE);
    let key = read_file(section, KEY, &key_path, KEY_CURE);
    let chain = chain.and_then(|pem| parse_chain(section, &pem));
    let key = key.and_then(|pem| parse_key(section, &pem));
    let (chain, key) = (chain?, key?);
    let validity = chain.first().and_then(|certificate| validity(certificate));
    match server(chain, key) {
        Ok(server) => Some(Tls { server: Arc::new(server), validity }),
        Err(Error::InconsistentKeys(_)) => {
            section.fault(
                KEY,
                "does not belong to the certificate of tls_certificate_file",
                "name the two files that were issued together",
            );
            None
        }
        Err(error @ Error::InvalidCertificate(_)) => {
            section.fault(CERTIFICATE, format!("cannot be used: {error}"), CHAIN_CURE);
            None
        }
        Err(error) => {
            section.fault(
                KEY,
                format!("cannot be used: {error}"),
                "have the certificate issued for an ECDSA key (P-256, P-384), or an RSA key of 2048 bits or more",
            );
            None
        }
    }
}

fn read_file(section: &mut Section<'_>, key: &str, path: &Path, cure: &str) -> Option<Vec<u8>> {
    match super::files::read(path, PEM_BYTES_MAX) {
        Ok(Some(pem)) => {
            section.note_file(key, &pem);
            Some(pem)
        }
        Ok(None) => {
            section.fault(key, "is larger than any file in PEM", cure);
            None
        }
        Err(error) => {
            section.fault(key, format!("cannot be read: {error}"), cure);
            None
        }
    }
}

// What the parser says is left out: it may quote the file, which may be the key.

fn parse_chain(section: &mut Section<'_>, pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Option<Vec<_>> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok();
    let chain = chain.filter(|chain| !chain.is_empty());
    if chain.is_none() {
        section.fault(CERTIFICATE, "holds no certificate in PEM", CHAIN_CURE);
    }
    chain
}

fn parse_key(section: &mut Section<'_>, pem: &[u8]) -> Option<PrivateKeyDer<'static>> {
    let key = PrivateKeyDer::from_pem_slice(pem).ok();
    if key.is_none() {
        section.fault(KEY, "holds no private key in PEM that can be used", KEY_CURE);
    }
    key
}

/// The provider is named, so that no other part of the process can decide which one is used.
fn server(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut server = versions.with_no_client_auth().with_single_cert(chain, key)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(server)
}

impl Config {
    /// What is weak at this moment only: a certificate that has ended, ends within 14 days, or does not count yet.
    pub fn weak_at(&self, now: Timestamp) -> Vec<Warning> {
        let validity = self.server.tls.as_ref().and_then(|tls| tls.validity);
        let text = validity.and_then(|Validity { from, until }| {
            if until <= now {
                Some("holds a certificate that has ended: browsers refuse it. Renew it, and reload")
            } else if now < from {
                Some("holds a certificate that does not count yet: see that this machine's clock is right")
            } else if until.as_micros().saturating_sub(now.as_micros()) < ENDS_SOON {
                Some("holds a certificate that ends within 14 days: see that it is renewed, and reload then")
            } else {
                None
            }
        });
        let warning = |text: &str| Warning {
            key: format!("server.{CERTIFICATE}"),
            place: None,
            value: None,
            text: text.to_owned(),
        };
        text.map(warning).into_iter().collect()
    }
}
