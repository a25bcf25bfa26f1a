//! A replay as one JSON object, for programs.

use crate::history::span::time;
use crate::replay::outcome::{Course, Outcome, Replay, Tally, Warning};
use crate::replay::words::condition;
use serde_json::{Value, json};

pub fn object(replay: &Replay) -> Value {
    let kills =
        replay.kills.iter().map(|kill| json!({"time": time(kill.second), "count": kill.count}));
    json!({
        "owner": replay.owner,
        "from": time(replay.span.from),
        "to": time(replay.span.to),
        "oom_kills": kills.collect::<Vec<_>>(),
        "alarms": replay.outcomes.iter().map(|outcome| alarm(replay, outcome)).collect::<Vec<_>>(),
    })
}

fn alarm(replay: &Replay, Outcome { alarm, course }: &Outcome) -> Value {
    let mut object = json!({
        "name": alarm.name,
        "metric": alarm.metric,
        "condition": condition(alarm),
        "threshold": alarm.threshold,
    });
    match course {
        Err(why) => object["not_replayed"] = why.as_str().into(),
        Ok(Course { changes, tally: own, advice, notes, .. }) => {
            let changes = changes.iter().map(
                |change| json!({"time": time(change.second), "state": change.state.to_string()}),
            );
            object["changes"] = changes.collect();
            object["came_to"] = tally(replay, own);
            object["notes"] = notes.clone().into();
            for (name, trial) in [("earlier", &advice.earlier), ("quieter", &advice.quieter)] {
                if let Some(trial) = trial {
                    object[name] = json!({"threshold": trial.threshold, "would_come_to": tally(replay, &trial.tally)});
                }
            }
        }
    }
    object
}

fn tally(replay: &Replay, tally: &Tally) -> Value {
    let warnings = replay.kills.iter().zip(&tally.warnings).map(|(kill, warning)| {
        let mut object = json!({"oom_kill": time(kill.second)});
        match warning {
            Warning::Before(seconds) => object["seconds_before"] = (*seconds).into(),
            Warning::After(seconds) => object["seconds_after"] = (*seconds).into(),
            Warning::None => {}
        }
        object
    });
    json!({
        "alarms": tally.alarms,
        "alarms_without_oom_kill": tally.without_kill,
        "seconds_in_alarm": tally.length,
        "warnings": warnings.collect::<Vec<_>>(),
    })
}
