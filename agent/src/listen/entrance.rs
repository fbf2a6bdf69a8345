//! How a listener is reached: from which addresses, and whether by TLS. Certificates are read again when their files change.
//!
//! # Source
//! engine.md section 0.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use assent_schema::named::Kind;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::validity::Validity;
use crate::named;
use crate::sync::lock;

/// A listener, who may connect to it, and how.
pub struct Entrance {
    listener: TcpListener,
    tls: Option<Arc<Certificate>>,
    /// Nobody else may connect; anybody may when there are none.
    proxies: BTreeSet<IpAddr>,
}

impl From<TcpListener> for Entrance {
    fn from(listener: TcpListener) -> Self {
        Self { listener, tls: None, proxies: BTreeSet::new() }
    }
}

impl Entrance {
    /// A listener that is reached by TLS, if there is a certificate, and from proxies alone, if there are any.
    pub fn new(listener: TcpListener, tls: Option<Arc<Certificate>>, proxies: &[IpAddr]) -> Self {
        Self { listener, tls, proxies: proxies.iter().map(IpAddr::to_canonical).collect() }
    }

    /// The next connection; nothing when it came from where none may come.
    pub(super) async fn accept(&self) -> std::io::Result<Option<TcpStream>> {
        let (stream, peer) = self.listener.accept().await?;
        let may = self.proxies.is_empty() || self.proxies.contains(&peer.ip().to_canonical());
        Ok(may.then_some(stream))
    }

    /// What answers the beginning of TLS, with the certificate as its files are now.
    pub(super) fn tls(&self) -> Option<TlsAcceptor> {
        self.tls.as_ref().map(|certificate| certificate.acceptor())
    }
}

/// Why a certificate cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// The file of certificates cannot be read, or holds none.
    Certificate,
    /// The file of the key cannot be read, or holds none.
    Key,
    /// The key is not that of the first certificate.
    Pair,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "the file of certificates cannot be read, or holds none",
            Self::Key => "the file of the key cannot be read, or holds none",
            Self::Pair => "the key is not that of the first certificate",
        })
    }
}

impl std::error::Error for CertificateError {}

/// A certificate and its key in two files, as they were read last.
pub struct Certificate {
    files: [PathBuf; 2],
    read: Mutex<Read>,
}

struct Read {
    /// What the files looked like.
    looked: [Look; 2],
    loaded: Loaded,
}

/// What the files held.
struct Loaded {
    config: Arc<ServerConfig>,
    /// Of the certificate among them that ends first; nothing where that cannot be read.
    validity: Option<Validity>,
}

/// What tells that a file changed: which one it is, when it was written, its size.
type Look = Option<(u64, i64, i64, u64)>;

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let files = [certificate.to_owned(), key.to_owned()];
        let looked = look(&files);
        let loaded = load(&files)?;
        Ok(Self { files, read: Mutex::new(Read { looked, loaded }) })
    }

    /// From when until when it holds, with those that signed it; nothing where that cannot be read.
    pub fn validity(&self) -> Option<Validity> {
        self.now(|loaded| loaded.validity)
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.now(|loaded| TlsAcceptor::from(Arc::clone(&loaded.config)))
    }

    /// With what the files hold now. While what they hold cannot be used, as when one of two was written so far, what they
    /// held before counts.
    fn now<T>(&self, of: impl FnOnce(&Loaded) -> T) -> T {
        let mut read = lock(&self.read);
        let looked = look(&self.files);
        if looked != read.looked {
            read.looked = looked;
            match load(&self.files) {
                Ok(loaded) => {
                    read.loaded = loaded;
                    tracing::info!("the listeners' certificate was read again");
                }
                Err(error) => {
                    tracing::error!(%error, "the listeners' new certificate cannot be used; the old one stays");
                }
            }
        }
        of(&read.loaded)
    }
}

fn look(files: &[PathBuf; 2]) -> [Look; 2] {
    files.each_ref().map(|file| {
        let of = std::fs::metadata(file).ok()?;
        Some((of.ino(), of.mtime(), of.mtime_nsec(), of.len()))
    })
}

fn load(files: &[PathBuf; 2]) -> Result<Loaded, CertificateError> {
    let [certificate, key] = files;
    let pem = read(certificate).ok_or(CertificateError::Certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::Certificate)?;
    let pem = read(key).ok_or(CertificateError::Key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).or(Err(CertificateError::Key))?;
    let validity = chain.iter().filter_map(|one| Validity::of(one)).min_by_key(|validity| validity.until);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .or(Err(CertificateError::Pair))?;
    Ok(Loaded { config: Arc::new(config), validity })
}

fn read(file: &Path) -> Option<Zeroizing<Vec<u8>>> {
    named::secret(file, Kind::Certificates).ok()
}
