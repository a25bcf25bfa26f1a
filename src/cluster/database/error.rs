//! What a server's answers, and the lack of them, mean.

use mysql_async::{DriverError, Error, IoError};
use std::time::Duration;

/// What went wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    #[error("{0}")]
    Url(String),
    #[error(
        "the database's URL holds a password, which `ps` and logs would show: leave it out and name a password_file"
    )]
    PasswordInUrl,
    /// A file that can't be read now.
    #[error("{0}")]
    Password(String),
    /// What the token would be signed with.
    #[error("there is no token of IAM's to log in to the database with: {0}")]
    Token(String),
    #[error("no answer from the database within {within:?} while {what}")]
    Late { what: &'static str, within: Duration },
    #[error(
        "the database refuses the user or the password ({code}): {message}; check user, password_file (with iam_auth: the role's rds-db:connect) and the user's host"
    )]
    Denied { code: u16, message: String },
    #[error("the database has too many connections ({code}): {message}")]
    TooManyConnections { code: u16, message: String },
    #[error(
        "the connection to the database can't be as secure as asked: {0}; check tls, tls_ca and the server's certificate"
    )]
    Insecure(String),
    #[error("the connection to the database is lost: {0}")]
    Lost(String),
    #[error("the database refuses a statement ({code}): {message}")]
    Server { code: u16, message: String },
}

/// The server's own words name the user and the host, never a password.
pub(super) fn understood(error: Error) -> DatabaseError {
    match error {
        Error::Server(error) => {
            let (code, message) = (error.code, error.message);
            match code {
                ACCESS_DENIED | ACCESS_DENIED_NO_PASSWORD | DATABASE_DENIED | HOST_DENIED => {
                    DatabaseError::Denied { code, message }
                }
                TOO_MANY_CONNECTIONS | TOO_MANY_OF_USER => {
                    DatabaseError::TooManyConnections { code, message }
                }
                GONE_AWAY | LOST => DatabaseError::Lost(message),
                _ => DatabaseError::Server { code, message },
            }
        }
        Error::Io(error) if is_insecure(&error) => DatabaseError::Insecure(error.to_string()),
        Error::Driver(
            error @ (DriverError::NoClientSslFlagFromServer | DriverError::CleartextPluginDisabled),
        ) => DatabaseError::Insecure(error.to_string()),
        Error::Io(error) => DatabaseError::Lost(error.to_string()),
        other => DatabaseError::Lost(other.to_string()),
    }
}

/// A certificate that is refused comes as an error of reading.
fn is_insecure(error: &IoError) -> bool {
    match error {
        IoError::Tls(_) => true,
        IoError::Io(error) => error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
    }
}

/// MySQL reference, "Server Error Message Reference".
const TOO_MANY_CONNECTIONS: u16 = 1_040;
const HOST_DENIED: u16 = 1_130;
const DATABASE_DENIED: u16 = 1_044;
pub(super) const ACCESS_DENIED: u16 = 1_045;
const TOO_MANY_OF_USER: u16 = 1_203;
const ACCESS_DENIED_NO_PASSWORD: u16 = 1_698;
const GONE_AWAY: u16 = 2_006;
const LOST: u16 = 2_013;
