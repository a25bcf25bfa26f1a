//! The leader's reading of a period: row after row, so that a hundred thousand members cost its host
//! no more memory than three.

use crate::cluster::database::Connection;
use crate::cluster::overview::member_row;
use crate::cluster::statements;
use crate::cluster::summary::{Folding, Patience};
use crate::cluster::talk::{self, TalkError};

/// All rows of the cluster, folded for the period that starts at `period`, in Unix seconds. One that
/// no member can have written is left out.
pub async fn fold(
    connection: &mut Connection,
    cluster: &str,
    period: i64,
    patience: &Patience,
) -> Result<Folding, TalkError> {
    let mut folding = Folding::new(period, *patience);
    talk::each(connection, &statements::members(cluster), |row| match member_row(&row) {
        Ok(row) => folding.add(&row),
        Err(reason) => {
            let member = row.text(0).unwrap_or_default();
            tracing::warn!(cluster, member, %reason, "a row of cwmem_member makes no sense: it is left out of the summary");
        }
    })
    .await?;
    Ok(folding)
}
