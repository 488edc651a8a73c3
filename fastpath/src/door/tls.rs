//! TLS: certificates as PEM become what ends it, and a caller's certificate becomes a header.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection};

/// What is spoken at the fast door, and at the HTTP port.
pub const ALPN_H2: &[u8] = b"h2";
pub const ALPN_HTTP1: &[u8] = b"http/1.1";

/// PEM, as files hold it.
#[derive(Clone, Copy, Debug)]
pub struct Certificates<'a> {
    /// The server's certificate, and those that it was signed with.
    pub chain: &'a [u8],
    pub key: &'a [u8],
    /// Who signs the clients' certificates; none: clients need none.
    pub client_ca: Option<&'a [u8]>,
}

/// Why certificates cannot be used.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

fn error(what: &str, why: impl fmt::Display) -> TlsError {
    TlsError(format!("{what}: {why}"))
}

/// What ends TLS with these certificates: TLS 1.2 and 1.3, one protocol alone; sessions are resumed where clients need no
/// certificate.
///
/// # Errors
/// Not PEM, no certificate or key in it, or a key that is not the certificate's.
pub fn server_config(certificates: Certificates<'_>, alpn: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|why| error("TLS", why))?;
    let builder = match certificates.client_ca {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            for authority in chain("client authorities", authorities)? {
                roots.add(authority).map_err(|why| error("client authorities", why))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder
                .with_client_cert_verifier(verifier.build().map_err(|why| error("client authorities", why))?)
        }
    };
    let key = PrivateKeyDer::from_pem_slice(certificates.key).map_err(|why| error("private key", why))?;
    let mut config = builder
        .with_single_cert(chain("certificate", certificates.chain)?, key)
        .map_err(|why| error("certificate and key", why))?;
    config.alpn_protocols = vec![alpn.to_vec()];
    if certificates.client_ca.is_some() {
        // A session that is resumed shows no certificate: one that has expired meanwhile would still be let in.
        config.session_storage = Arc::new(NoServerSessionStorage {});
    } else {
        config.ticketer = ring::Ticketer::new().map_err(|why| error("session tickets", why))?;
    }
    Ok(Arc::new(config))
}

fn chain(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|why| error(what, why))?;
    if chain.is_empty() { Err(error(what, "the file holds no certificate in PEM")) } else { Ok(chain) }
}

/// Who a caller is by the certificate that was verified, as `x-forwarded-client-cert`: its URI and DNS names.
#[must_use]
pub fn caller(connection: &ServerConnection) -> Option<HeaderValue> {
    let certificate = connection.peer_certificates()?.first()?;
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let uris = certificate.valid_uri_names().map(|uri| format!("URI={uri}"));
    let names = certificate.valid_dns_names().map(|name| format!("DNS={name}"));
    // A name that holds what separates names could pass for two.
    let plain = uris.chain(names).filter(|name| !name.contains([';', ',', '"']));
    HeaderValue::from_str(&plain.collect::<Vec<_>>().join(";")).ok()
}
