//! STUB
use crate::cluster::database::Connection;
use crate::cluster::name::LockName;
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("held")]
    Held { by: Option<u64> },
    #[error("{0}")]
    Other(String),
}
pub struct NamedLock<S> {
    session: S,
    name: LockName,
}
impl NamedLock<Connection> {
    pub async fn try_acquire(
        mut session: Connection,
        name: &LockName,
    ) -> Result<NamedLock<Connection>, LockError> {
        let rows = session
            .rows("SELECT GET_LOCK(?, 0)", vec![name.as_str().into()])
            .await
            .map_err(|e| LockError::Other(e.to_string()))?;
        if rows[0][0] == mysql_async::Value::Int(1) {
            Ok(NamedLock { session, name: name.clone() })
        } else {
            Err(LockError::Held { by: None })
        }
    }
    pub async fn release(mut self) -> Result<Connection, LockError> {
        self.session
            .rows("SELECT RELEASE_LOCK(?)", vec![self.name.as_str().into()])
            .await
            .map_err(|e| LockError::Other(e.to_string()))?;
        Ok(self.session)
    }
    pub fn session(&mut self) -> &mut Connection {
        &mut self.session
    }
}
