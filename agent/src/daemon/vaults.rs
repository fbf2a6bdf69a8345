//! Opens the vault that `agent.toml` names.

use std::sync::Arc;

use assent_schema::id::ConnectionId;

use crate::config::VaultConfig;
use crate::error::{Context as _, Error};
use crate::real::{Egress, RealClock, RealDisk, RealNet, tls};
use crate::vault::{AnyVault, Credentials, FileVault, HostKey, Kv2Vault, VaultError, own_name};

/// The vault of the real world.
pub type TheVault = AnyVault<RealDisk, Arc<RealDisk>, RealNet, RealClock>;

/// Opens the vault; `disk` is the state folder. A server is not asked before the first secret is needed.
///
/// # Errors
/// When a file does not open with the host's key, systemd gave no credentials, or a certificate is none.
pub fn open(config: &VaultConfig, disk: Arc<RealDisk>, host: Arc<HostKey>) -> Result<TheVault, Error> {
    let cannot = || "cannot open the vault".to_owned();
    match config {
        VaultConfig::File => FileVault::open(disk, host).map(AnyVault::File).tried(cannot),
        VaultConfig::Systemd(None) => {
            Err(Error::environment("cannot open the vault: systemd gave this process no credentials").help(
                "Start the agent by a unit with `LoadCredentialEncrypted=CLIENT.CONNECTION.SLOT:FILE`; on a shell use \
                 `systemd-run -p` with the same line.",
            ))
        }
        VaultConfig::Systemd(Some(folder)) => {
            let credentials = RealDisk::open(folder).tried(|| format!("cannot open `{}`", folder.display()))?;
            Ok(AnyVault::Systemd(Credentials::new(credentials, disk, host)))
        }
        VaultConfig::Kv2(at) => {
            let net = RealNet::new(tls::connector_of(&at.roots).tried(cannot)?);
            let mut egress = Egress::default();
            let connection = ConnectionId::new("vault").or(Err(VaultError::Refused)).tried(cannot)?;
            egress.allow(&own_name().tried(cannot)?, &connection, &at.host, at.port);
            net.permit(egress);
            Ok(AnyVault::Kv2(Box::new(Kv2Vault::new((**at).clone(), net, RealClock))))
        }
    }
}
