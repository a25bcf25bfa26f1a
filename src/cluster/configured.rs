//! A cluster's configuration, and this host's name in it, as what the member and the commands need.

use crate::cloudwatch::{self, Environment, Metadata};
use crate::cluster::database::{Database, DatabaseError, Options, Tls};
use crate::cluster::member::Settings;
use crate::cluster::name::LockName;
use crate::cluster::password::PasswordFile;
use crate::cluster::summary::Patience;
use crate::cluster::timing::{BadPeriod, Timing};
use crate::cluster::token::Tokens;
use crate::config::{self, Config};
use crate::dimension::DimensionName;
use crate::environment::variable;
use crate::identity::{Identity, Name};
use std::path::PathBuf;
use std::time::Duration;

/// Why there can be no member.
#[derive(Debug, thiserror::Error)]
pub enum Impossible {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Period(#[from] BadPeriod),
}

/// `None` where no cluster is configured. The member isn't named yet.
pub fn settings(config: &Config, place: f64) -> Result<Option<Settings>, Impossible> {
    let Some(cluster) = &config.cluster else { return Ok(None) };
    let timing = Timing::new(config.publish.period)?;
    let database = database(config, cluster, timing.wait_timeout(), timing.statement_deadline())?;
    Ok(Some(Settings {
        lock: LockName::leader(schema(cluster), &cluster.name),
        cluster: cluster.name.clone(),
        member: String::new(),
        database,
        timing,
        patience: Patience {
            missing_after: cluster.missing_after,
            forget_after: cluster.forget_after,
        },
        place,
    }))
}

pub fn database(
    config: &Config,
    cluster: &config::Cluster,
    wait_timeout: Duration,
    statement_limit: Duration,
) -> Result<Database, Impossible> {
    let password_file = password_file(cluster.password_file.clone());
    let (tls, statement_limit) = (tls(cluster), Some(statement_limit));
    let options = Options { password: None, password_file, tls, wait_timeout, statement_limit };
    Ok(Database::from_url(&cluster.database, options)?.with_tokens(tokens(config)))
}

/// Where the database's user logs in by IAM.
pub fn tokens(config: &Config) -> Option<Tokens> {
    config.cluster.as_ref().filter(|cluster| cluster.iam_auth)?;
    let environment = Environment::read();
    let may_ask = config.identity.imds || environment.names_metadata;
    let metadata = if may_ask { Metadata::On } else { Metadata::Off };
    let options = cloudwatch::Options { environment, metadata, ..cloudwatch::Options::default() };
    Some(Tokens::new(config.cloudwatch.clone(), options))
}

pub fn tls(cluster: &config::Cluster) -> Tls {
    match cluster.tls {
        config::Tls::Verify => Tls::Verify { ca: cluster.tls_ca.clone() },
        config::Tls::Encrypt => Tls::Encrypt,
        config::Tls::Off => Tls::Off,
    }
}

/// The file that is named, or else the service manager's credential.
pub fn password_file(named: Option<PathBuf>) -> Option<PasswordFile> {
    let credential = || {
        let folder = PathBuf::from(variable("CREDENTIALS_DIRECTORY")?);
        Some(PasswordFile::if_there(folder.join(CREDENTIAL)))
    };
    named.map(PasswordFile::named).or_else(credential)
}

pub fn user(cluster: &config::Cluster) -> &str {
    let user = cluster.database.rsplit_once('@').map(|(before, _)| before);
    user.and_then(|user| user.strip_prefix("mysql://")).unwrap_or_default()
}

pub fn schema(cluster: &config::Cluster) -> &str {
    cluster.database.rsplit('/').next().unwrap_or_default()
}

/// This host's name in its cluster: the InstanceId, else the host's own name; what a row can't hold
/// is left out. `None` while the instance metadata may still tell an InstanceId, as on EC2 before
/// Nitro. Two hosts may have the same name and would share a row, and a name that changes would
/// leave a member behind that counts as missing: so it is waited for, as the host's own data waits
/// for it.
pub fn member(identity: &Identity) -> Option<String> {
    let name = match identity.state(&DimensionName::InstanceId) {
        Name::Known(id) => id,
        Name::Absent => identity.known(&DimensionName::Host).unwrap_or_default(),
        Name::Unknown => return None,
    };
    let fine = |character: &char| character.is_ascii_graphic();
    let name: String = name.chars().filter(fine).take(LONGEST_MEMBER).collect();
    Some(if name.is_empty() { "unnamed".to_owned() } else { name })
}

/// The column `member`.
const LONGEST_MEMBER: usize = 64;
/// systemd's LoadCredential=.
const CREDENTIAL: &str = "cwmem.mysql-password";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fixture::{Given, document, laptop, nitro, xen};

    #[test]
    fn a_member_has_one_name_for_good() {
        let given = Given::default();
        assert_eq!(member(&given.on(&nitro())).as_deref(), Some("i-0123456789abcdef0"));
        assert_eq!(member(&given.on(&laptop())).as_deref(), Some("ip-10-0-0-10"));
        let mut old = given.on(&xen());
        assert_eq!(member(&old), None, "the metadata will tell");
        old.learn_document(&document());
        assert_eq!(member(&old).as_deref(), Some("i-0aaaaaaaaaaaaaaa0"));
        let mut given = Given::default();
        given.identity.imds = false;
        assert_eq!(member(&given.on(&xen())).as_deref(), Some("ip-10-0-0-10"));
        given.identity.host = Some(format!("web 1 {}", "x".repeat(80)));
        let name = member(&given.on(&laptop())).unwrap();
        assert_eq!((name.len(), &name[..5]), (64, "web1x"));
    }
}
