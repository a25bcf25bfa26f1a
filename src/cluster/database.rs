//! STUB
use mysql_async::prelude::*;
use std::time::Duration;
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DatabaseError(pub String);
pub struct Database {
    opts: mysql_async::Opts,
}
pub struct Options {
    pub password: Option<String>,
    pub wait_timeout: Duration,
}
pub struct Connection(pub mysql_async::Conn);
impl Database {
    pub fn from_url(url: &str, options: Options) -> Result<Database, DatabaseError> {
        let opts = mysql_async::Opts::from_url(url).map_err(|e| DatabaseError(e.to_string()))?;
        let init = format!("SET SESSION wait_timeout={}", options.wait_timeout.as_secs());
        let b = mysql_async::OptsBuilder::from_opts(opts)
            .pass(options.password)
            .prefer_socket(false)
            .init(vec![init]);
        Ok(Database { opts: b.into() })
    }
    pub async fn connect(&self, deadline: Duration) -> Result<Connection, DatabaseError> {
        let conn = tokio::time::timeout(deadline, mysql_async::Conn::new(self.opts.clone())).await;
        let conn = conn
            .map_err(|_| DatabaseError("late".into()))?
            .map_err(|e| DatabaseError(e.to_string()))?;
        Ok(Connection(conn))
    }
}
impl Connection {
    pub async fn rows(
        &mut self,
        text: &str,
        params: Vec<mysql_async::Value>,
    ) -> Result<Vec<Vec<mysql_async::Value>>, DatabaseError> {
        let rows: Vec<mysql_async::Row> = self
            .0
            .exec(text, mysql_async::Params::Positional(params))
            .await
            .map_err(|e| DatabaseError(e.to_string()))?;
        Ok(rows.into_iter().map(|r| r.unwrap()).collect())
    }
    pub async fn change(
        &mut self,
        text: &str,
        params: Vec<mysql_async::Value>,
    ) -> Result<u64, DatabaseError> {
        self.0
            .exec_drop(text, mysql_async::Params::Positional(params))
            .await
            .map_err(|e| DatabaseError(e.to_string()))?;
        Ok(self.0.affected_rows())
    }
    pub async fn run(&mut self, text: &str) -> Result<(), DatabaseError> {
        self.0.query_drop(text).await.map_err(|e| DatabaseError(e.to_string()))
    }
}
