use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Header;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType, Jwk,
    PublicKeyUse, RSAKeyParameters, RSAKeyType, ThumbprintHash,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::domain::Timestamp;

/// What an id token is signed by (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, keys of 2048 bits: what every client must know (OpenID Connect Core §15.1).
    Rs256,
    /// ECDSA on P-256 with SHA-256: a short signature.
    Es256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Rs256, Self::Es256];

    /// Its `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
        }
    }
}

/// Most tokens take less: a header of 90 bytes, claims of some 300, a signature of 342 with RSA, all as they stand there.
const TOKEN_BYTES: usize = 1024;

/// A key that signs, or has signed, or will.
pub(super) struct SigningKey {
    pub(super) made: Timestamp,
    pair: Pair,
    /// Before each token's claims: the header (RFC 7515 §4), as it stands in the token.
    header: String,
    /// Its public half, as it is published.
    pub(super) jwk: Jwk,
}

/// A key, read once: reading an RSA key takes longer than to sign with it.
enum Pair {
    Rsa(rsa::KeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl Pair {
    /// Reads a key in PKCS #8, as DER.
    fn read(algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::Rs256 => rsa::KeyPair::from_pkcs8(der).ok().map(Self::Rsa),
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok().map(Self::Ecdsa),
        }
    }

    /// The public half, as RFC 7518 §6.2.1 and §6.3.1 have it.
    fn public(&self) -> Option<AlgorithmParameters> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Some(match self {
            Self::Rsa(pair) => AlgorithmParameters::RSA(RSAKeyParameters {
                key_type: RSAKeyType::RSA,
                n: encode(pair.public_key().modulus().big_endian_without_leading_zero()),
                e: encode(pair.public_key().exponent().big_endian_without_leading_zero()),
            }),
            Self::Ecdsa(pair) => {
                // SEC 1 §2.3.3: a four, then the two coordinates, 32 bytes each.
                let (x, y) = pair.public_key().as_ref().strip_prefix(&[4])?.split_at_checked(32)?;
                AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
                    key_type: EllipticCurveKeyType::EC,
                    curve: EllipticCurve::P256,
                    x: encode(x),
                    y: encode(y),
                })
            }
        })
    }

    /// As RFC 7518 §3.3 and §3.4 have it: ECDSA's two numbers one behind the other, and no ASN.1.
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Self::Ecdsa(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
        }
    }
}

impl SigningKey {
    /// Reads a key in PKCS #8 (RFC 5958), as PEM.
    pub(super) fn from_pem(algorithm: Algorithm, made: Timestamp, pem: &SecretString) -> Option<Self> {
        let pair = Pair::read(algorithm, pem::parse(pem.expose_secret()).ok()?.contents())?;
        let common = CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(algorithm.of_library().into()),
            ..CommonParameters::default()
        };
        let mut jwk = Jwk { common, algorithm: pair.public()? };
        // RFC 7638: the name follows from the key.
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).ok()?);
        let mut header = Header::new(algorithm.of_library());
        header.kid.clone_from(&jwk.common.key_id);
        let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).ok()?);
        Some(Self { made, pair, header, jwk })
    }

    /// The claims as a signed token in its compact form (RFC 7515 §7.1, RFC 7519 §3).
    pub(super) fn sign(&self, claims: &impl Serialize) -> Option<String> {
        let claims = serde_json::to_vec(claims).ok()?;
        let mut token = String::with_capacity(TOKEN_BYTES);
        token.push_str(&self.header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token)
    }
}

/// Makes a new key, as PEM. Takes up to a second for RSA.
pub(super) fn generate(algorithm: Algorithm) -> Option<SecretString> {
    let der = match algorithm {
        Algorithm::Rs256 => rsa::KeyPair::generate(KeySize::Rsa2048).ok()?.as_der().ok()?.as_ref().to_vec(),
        Algorithm::Es256 => {
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?.to_pkcs8v1().ok()?.as_ref().to_vec()
        }
    };
    Some(pem::encode(&pem::Pem::new("PRIVATE KEY", der)).into())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_a_key_signs_its_public_half_verifies() {
        for algorithm in Algorithm::ALL {
            let pem = generate(algorithm).unwrap();
            let key = SigningKey::from_pem(algorithm, Timestamp::from_micros(0), &pem).unwrap();
            let token = key.sign(&json!({ "sub": "alice" })).unwrap();
            let header = jsonwebtoken::decode_header(&token).unwrap();
            assert_eq!((header.typ.as_deref(), header.alg), (Some("JWT"), algorithm.of_library()));
            assert_eq!(header.kid, key.jwk.common.key_id);
            let mut validation = Validation::new(algorithm.of_library());
            validation.required_spec_claims.clear();
            validation.validate_exp = false;
            let public = DecodingKey::from_jwk(&key.jwk).unwrap();
            let claims = jsonwebtoken::decode::<Value>(&token, &public, &validation).unwrap().claims;
            assert_eq!(claims["sub"], "alice");
        }
    }

    #[test]
    fn what_is_published_is_the_public_half() {
        for algorithm in Algorithm::ALL {
            let pem = generate(algorithm).unwrap();
            let key = SigningKey::from_pem(algorithm, Timestamp::from_micros(0), &pem).unwrap();
            let jwk = serde_json::to_value(&key.jwk).unwrap();
            assert_eq!((&jwk["alg"], &jwk["use"]), (&json!(algorithm.name()), &json!("sig")));
            let names: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(!names.contains(&private), "{private} is published");
            }
        }
    }

    /// A token names its key, so a later program must call it by the same name. The keys were made by OpenSSL, and their
    /// names by another program (RFC 7638 §3).
    #[test]
    fn a_key_has_the_same_name_for_ever() {
        for (algorithm, pem, name) in [
            (
                Algorithm::Rs256,
                include_str!("../../tests/fixtures/keys/rs256.pem"),
                "w58DtR05HEHOtC2JXWIyb1xVscrA-mhuLKQDszEBqHQ",
            ),
            (
                Algorithm::Es256,
                include_str!("../../tests/fixtures/keys/es256.pem"),
                "Cci1cNDu7rVejIofHCu5KlfDVMbgwHloIQm5bq0SDQI",
            ),
        ] {
            let key = SigningKey::from_pem(algorithm, Timestamp::from_micros(0), &pem.into()).unwrap();
            assert_eq!(key.jwk.common.key_id.as_deref(), Some(name));
        }
    }

    #[test]
    fn a_key_of_another_kind_is_none() {
        let pem = generate(Algorithm::Es256).unwrap();
        assert!(SigningKey::from_pem(Algorithm::Rs256, Timestamp::from_micros(0), &pem).is_none());
        assert!(SigningKey::from_pem(Algorithm::Es256, Timestamp::from_micros(0), &"nonsense".into()).is_none());
    }
}
