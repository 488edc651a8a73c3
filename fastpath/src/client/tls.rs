//! Whom a channel trusts, and who it says it is: rustls with ring, HTTP/2 by ALPN.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

pub const ALPN_H2: &[u8] = b"h2";

/// Certificates and keys, each in PEM.
#[derive(Clone, Copy, Debug, Default)]
pub struct Certificates<'a> {
    /// Of the authorities that are trusted.
    pub roots: &'a [u8],
    /// Any certificate is taken: the channel is secret, and its other end may be anybody.
    pub unchecked: bool,
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
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(error.to_string()))?;
    let builder = if certificates.unchecked {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unchecked(ring::default_provider())))
    } else {
        let mut roots = RootCertStore::empty();
        for root in chain(certificates.roots, "root_certificates")? {
            roots.add(root).map_err(|error| TlsError(format!("root_certificates: {error}")))?;
        }
        builder.with_root_certificates(roots)
    };
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

/// Takes any certificate whose key its bearer has.
#[derive(Debug)]
struct Unchecked(CryptoProvider);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn chain(pem: &[u8], of: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| TlsError(format!("{of}: {error}")))?;
    if found.is_empty() {
        return Err(TlsError(format!("{of}: there is no certificate in it")));
    }
    Ok(found)
}
