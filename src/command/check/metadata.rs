//! What `cwmem check` finds of the instance metadata service.

use crate::command::check::line::{Line, finding, note, ok};
use crate::command::outside;
use crate::identity::remedy::reach_metadata;
use crate::identity::{Identity, Metadata, Tags};

/// `identity`: what was learned by asking. Where nothing had to be asked, it is asked all the same:
/// the instance's credentials come from there. Nothing off EC2, or where it may not be asked.
pub(super) async fn line(identity: &Identity) -> Option<Line> {
    if !identity.may_learn() {
        return None;
    }
    let failure = match identity.metadata() {
        Metadata::Answers => return Some(answers(identity)),
        Metadata::Fails(failure) => {
            let remedy = reach_metadata(identity, failure);
            return Some(finding("metadata", failure.to_string(), remedy));
        }
        // A bad endpoint has been complained of.
        Metadata::Unasked => outside::imds().ok()?.document().await.err(),
    };
    Some(match failure {
        None => answers(identity),
        Some(failure) => {
            let evidence = format!("{failure}; no dimension waits for it");
            let remedy = format!(
                "for the instance role's credentials {}",
                reach_metadata(identity, &failure)
            );
            note("metadata", evidence, remedy)
        }
    })
}

fn answers(identity: &Identity) -> Line {
    let tags = match identity.tags() {
        Tags::Unasked => "",
        Tags::Served => ", with the instance's tags",
        Tags::Off { .. } => ", without the instance's tags",
    };
    ok("metadata", format!("answers (IMDSv2){tags}"))
}
