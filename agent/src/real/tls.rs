//! Whom TLS trusts: the bundled list of Mozilla, and certificates that the operator adds for services of its own.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

use crate::config::Roots;

/// The same for one server whose roots the operator names.
///
/// # Errors
/// When one of them is no certificate.
pub fn connector_of(roots: &Roots) -> Result<TlsConnector, Error> {
    roots.client().map(|config| TlsConnector::from(Arc::new(config)))
}

/// TLS 1.2 and 1.3 with certificates checked; there is no option that turns the check off.
///
/// # Errors
/// When an added certificate is none.
pub fn connector(added: &[CertificateDer<'static>]) -> Result<TlsConnector, Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in added {
        roots.add(certificate.clone())?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
