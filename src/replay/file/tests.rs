//! Histories as files: what is read of them, and what is said of mistakes.

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn check(text: &str, expected: Expect) {
    let told = match parse(text) {
        Ok(tracks) => tracks.iter().map(told).collect(),
        Err(mistake) => format!("{mistake}\n"),
    };
    expected.assert_eq(&told);
}

fn told((metric, track): &(String, Track)) -> String {
    let mut text = format!("{metric}, {} s\n", track.grain);
    for slice in track.slices() {
        let Content::Figures(figures) = &slice.content else { continue };
        let one = |name: &str, value: Option<f64>| {
            value.map_or(String::new(), |value| format!(" {name} {value}"))
        };
        text += &format!(
            "  {}{}{}{}{}{}{}{}\n",
            slice.start,
            one("average", figures.average),
            one("minimum", figures.minimum),
            one("maximum", figures.maximum),
            one("sum", figures.sum),
            one("samples", figures.sample_count),
            one("unnamed", figures.unnamed),
            figures.percentiles.iter().map(|(p, v)| format!(" p{p} {v}")).collect::<String>(),
        );
    }
    text
}

#[test]
fn an_answer_of_get_metric_data() {
    check(
        r#"{
    "MetricDataResults": [
        {
            "Id": "m1",
            "Label": "MemoryUsedPercent Average",
            "Timestamps": ["2026-11-23T14:02:00+00:00", "2026-11-23T14:01:00+00:00", "2026-11-23T14:00:00+00:00"],
            "Values": [42.5, 41.0, 40.0],
            "StatusCode": "Complete"
        },
        {"Id": "m2", "Label": "MemoryUsedPercent", "Timestamps": ["2026-11-23T14:02:00+00:00"], "Values": [97.0], "StatusCode": "Complete"},
        {"Id": "OomKills", "Timestamps": [], "Values": []},
        {"Id": "m3", "Label": "p99 MemoryStallPercent", "Timestamps": ["2026-11-23T14:01:00Z"], "Values": [3]}
    ],
    "Messages": []
}"#,
        expect![[r#"
            MemoryStallPercent, 60 s
              1795442460 p99 3
            MemoryUsedPercent, 60 s
              1795442400 average 40
              1795442460 average 41
              1795442520 average 42.5 unnamed 97
        "#]],
    );
}

#[test]
fn answers_of_get_metric_statistics_one_after_the_other() {
    check(
        r#"{"Label": "MemoryUsedPercent", "Datapoints": [
    {"Timestamp": "2026-11-23T14:05:00+00:00", "SampleCount": 3000.0, "Average": 50.0, "Unit": "Percent"},
    {"Timestamp": "2026-11-23T14:00:00+00:00", "Maximum": 97.0, "ExtendedStatistics": {"p99": 96.5, "tm90": 3}},
    {"Timestamp": 1795443000, "Minimum": 1}
]}
{"Label": "OomKills", "Datapoints": [{"Timestamp": "2026-11-23T14:05:00Z", "Sum": 1.0, "Unit": "Count"}]}
{"Label": "MemoryUsedPercent", "Datapoints": []}
"#,
        expect![[r#"
            MemoryUsedPercent, 300 s
              1795442400 maximum 97 p99 96.5
              1795442700 average 50 samples 3000
              1795443000 minimum 1
            OomKills, 300 s
              1795442700 sum 1
        "#]],
    );
}

#[test]
fn a_table() {
    check(
        "\u{feff}time,MemoryUsedPercent Average,\"OomKills Sum\",Other thing\r\n\
         2026-11-23T14:00:00Z,40,,1\r\n\
         2026-11-23T14:01:00Z,\"41.5\",1,\r\n\
         \r\n\
         2026/11/23 14:02:00, 4.25e1 ,,\n\
         2026-11-23 14:04,44,0,2",
        expect![[r#"
            MemoryUsedPercent, 60 s
              1795442400 average 40
              1795442460 average 41.5
              1795442520 average 42.5
              1795442640 average 44
            OomKills, 60 s
              1795442460 sum 1
              1795442640 sum 0
            Other thing, 60 s
              1795442400 unnamed 1
              1795442640 unnamed 2
        "#]],
    );
}

/// With a first minute.
fn table(rows: &str) -> String {
    format!("time,MemoryUsedPercent\n2026-11-23T14:00:00Z,40\n{rows}")
}

#[test]
fn mistakes_name_line_and_field() {
    check(
        &table("2026-11-23T14:01:00Z,forty"),
        expect![[r#"
        line 3, MemoryUsedPercent: expected a number or nothing, found "forty"
    "#]],
    );
    check(
        &table("2026-11-23T14:01:00Z,inf"),
        expect![[r#"
        line 3, MemoryUsedPercent: expected a number or nothing, found "inf"
    "#]],
    );
    check(
        &table("yesterday,40"),
        expect![[r#"
        line 3, time: expected a time such as 2026-11-23T14:21:00Z, found "yesterday"
    "#]],
    );
    check(
        &table("2026-11-23T14:01:00Z"),
        expect![[r#"
        line 3: expected 2 fields, found 1
    "#]],
    );
    check(
        &table("2026-11-23T14:01:00Z,\"4\n\"\n2026-11-23T14:02:00Z,x"),
        expect![[r#"
        line 5, MemoryUsedPercent: expected a number or nothing, found "x"
    "#]],
    );
}

#[test]
fn mistakes_of_quotes_and_repetitions_name_their_line() {
    check(
        &table("2026-11-23T14:01:00Z,\"41"),
        expect![[r#"
        line 3: expected a quote that ends the field, found none
    "#]],
    );
    check(
        &table("2026-11-23T14:01:00Z,\"41\"x"),
        expect![[r#"
        line 3: expected a comma or the line's end after a quoted field
    "#]],
    );
    check(
        &table("2026-11-23T14:00:00Z,41"),
        expect![[r#"
        line 3, MemoryUsedPercent: expected one series of MemoryUsedPercent of one host, found 41 and 40 for the same period
    "#]],
    );
}

#[test]
fn mistakes_of_times_and_headers_name_their_line() {
    check(
        &table("2026-11-23T14:00:30Z,41\n2026-11-23T14:01:15Z,41"),
        expect![[r#"
        line 4, MemoryUsedPercent: expected a time whole periods of 30 s from the others
    "#]],
    );
    check(
        &table("2026-11-23T14:00:07Z,4\n2026-11-23T14:00:14Z,4"),
        expect![[r#"
        line 2, MemoryUsedPercent: expected periods that divide a minute or whole minutes, found 7 s
    "#]],
    );
    check(
        &table("2026-11-23T14:01:00Z,4\n2027-11-23T14:01:00Z,4"),
        expect![[r#"
        line 4, MemoryUsedPercent: expected at most 100000 periods, found 525601 of 60 s; cut the file shorter
    "#]],
    );
    check(
        "time\n2026-11-23T14:00:00Z",
        expect![[r#"
        line 1: expected a label such as `MemoryUsedPercent Average` for each field after `time`, found none
    "#]],
    );
    check(
        "MemoryUsedPercent\n1",
        expect![[r#"
        line 1: expected the first field to be `time` (or JSON), found "MemoryUsedPercent"
    "#]],
    );
    check(
        "",
        expect![[r#"
        line 1: expected a header or JSON, found an empty file
    "#]],
    );
    check(
        "time,a\n",
        expect![[r#"
        the file: expected datapoints, found none
    "#]],
    );
}

#[test]
fn mistakes_in_json_name_line_and_field() {
    check(
        "{\n\"MetricDataResults\": [{\"Id\": \"m1\", \"Timestamps\": [\n\"noon\"], \"Values\": [1]}]}",
        expect![[r#"
        line 3, column 7: expected a time such as "2026-11-23T14:21:00Z", found "noon"
    "#]],
    );
    check(
        "{\n\"MetricDataResults\": [{\"Id\": \"m1\", \"Values\": [1]}]}",
        expect![[r#"
            line 2, column 49: missing field `Timestamps`
        "#]],
    );
    check(
        "{\"MetricDataResults\": [{\"Id\": \"m1\", \"Timestamps\": [], \"Values\": [1]}]}",
        expect![[r#"
        MetricDataResults[0] (m1): expected as many Values as Timestamps, found 1 and 0
    "#]],
    );
    check(
        "{\"MetricDataResults\": [{\"Timestamps\": [], \"Values\": []}]}",
        expect![[r#"
        MetricDataResults[0]: expected a Label with the metric's name, found none
    "#]],
    );
    check(
        "{\"Datapoints\": [], \"Label\": \"\"}",
        expect![[r#"
        Label: expected the metric's name beside Datapoints, found nothing
    "#]],
    );
    check(
        "{\"Label\": \"A\", \"Datapoints\": [{\"Timestamp\": 60}]}",
        expect![[r#"
        Datapoints[0]: expected a statistic such as Average, found none
    "#]],
    );
    check(
        "{\"Label\": \"A\", \"Datapoints\": []}\n{}",
        expect![[r#"
        answer 2: expected either MetricDataResults or Datapoints, as `aws cloudwatch get-metric-data` and `get-metric-statistics` print them
    "#]],
    );
    check(
        "{\"MetricDataResults\": [], \"NextToken\": \"x\"}",
        expect![[r#"
        NextToken: expected the last page of an answer or all of them, found that more follows
    "#]],
    );
    check(
        "{\n \"MetricDataResults\": [",
        expect![[r#"
            line 2, column 23: EOF while parsing a list
        "#]],
    );
}

#[test]
fn labels_name_metric_and_statistic() {
    let told = |text| {
        let (metric, statistic) = label(text);
        format!("{metric}: {statistic:?}")
    };
    assert_eq!(told("MemoryUsedPercent"), "MemoryUsedPercent: None");
    assert_eq!(told(" MemoryUsedPercent  Maximum "), "MemoryUsedPercent: Some(Maximum)");
    assert_eq!(told("p99.9 A"), "A: Some(Percentile(99.9))");
    assert_eq!(told("Average"), "Average: None");
    assert_eq!(told("p0 p101 pe A"), "p0 p101 pe A: None");
}

proptest! {
    /// What was written is read, in JSON as in CSV, in whatever order it stands.
    #[test]
    fn histories_survive_being_written(
        mut rows in prop::collection::btree_map(0_i64..500, -1e9_f64..1e9, 3..60),
        reversed: bool,
    ) {
        rows.insert(500, 1.0);
        rows.insert(501, 2.0);
        let mut rows: Vec<(i64, f64)> = rows.into_iter().map(|(place, value)| (1_795_442_400 + place * 60, value)).collect();
        let expected = rows.clone();
        if reversed {
            rows.reverse();
        }
        let time = |second: i64| crate::history::span::time(second);
        let table: String = rows.iter().map(|(second, value)| format!("{},{value}\n", time(*second))).collect();
        let times: Vec<String> = rows.iter().map(|(second, _)| time(*second)).collect();
        let values: Vec<f64> = rows.iter().map(|(_, value)| *value).collect();
        let json = serde_json::json!({"MetricDataResults": [{"Id": "m1", "Label": "A Sum", "Timestamps": times, "Values": values}]});
        let read = |text: &str| -> Result<Vec<(i64, f64)>, Mistake> {
            let tracks = parse(text)?;
            let slices = tracks[0].1.slices().iter();
            Ok(slices.map(|slice| match &slice.content {
                Content::Figures(figures) => (slice.start, figures.sum.unwrap()),
                Content::Values(_) => (slice.start, f64::NAN),
            }).collect())
        };
        let from_table = read(&format!("time,A Sum\n{table}"));
        let from_json = read(&json.to_string());
        prop_assert_eq!(&from_table, &from_json);
        prop_assert_eq!(from_table, Ok(expected));
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place(text in "[time,\\-0-9TZ:\"\\n{}\\[\\]A ]{0,80}") {
        for text in [text.clone(), format!("time,A\n{text}"), format!("{{\"Label\":\"A\",\"Datapoints\":[{text}]}}")] {
            if let Err(mistake) = parse(&text) {
                prop_assert!(!mistake.place.is_empty() && !mistake.what.is_empty());
            }
        }
    }
}
