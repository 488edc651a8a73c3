//! Whom a channel trusts, and who it says it is: rustls with ring, HTTP/2 by ALPN.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

pub const ALPN_H2: &[u8] = b"h2";

/// Certificates and keys, each in PEM.
#[derive(Clone, Copy, Debug, Default)]
pub struct Certificates<'a> {
    /// Of the authorities that are trusted.
    pub roots: &'a [u8],
    /// Key and chain of the client, where the server asks for them; both or none.
    pub identity: Option<(&'a [u8], &'a [u8])>,
}

/// What of the certificates cannot be used.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl std::error::Error for TlsError {}

/// The configuration that every connection of a channel shares.
///
/// # Errors
/// PEM that cannot be read, no root certificate, or a key that does not go with its chain.
pub fn config(certificates: Certificates<'_>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in chain(certificates.roots, "root_certificates")? {
        roots.add(root).map_err(|error| TlsError(format!("root_certificates: {error}")))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(error.to_string()))?
        .with_root_certificates(roots);
    let mut config = match certificates.identity {
        None => builder.with_no_client_auth(),
        Some((key, certificate_chain)) => {
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|error| TlsError(format!("private_key: {error}")))?;
            builder
                .with_client_auth_cert(chain(certificate_chain, "certificate_chain")?, key)
                .map_err(|error| TlsError(format!("private_key and certificate_chain: {error}")))?
        }
    };
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    Ok(Arc::new(config))
}

fn chain(pem: &[u8], of: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| TlsError(format!("{of}: {error}")))?;
    if found.is_empty() {
        return Err(TlsError(format!("{of}: there is no certificate in it")));
    }
    Ok(found)
}
