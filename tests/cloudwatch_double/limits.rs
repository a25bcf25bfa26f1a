//! Every documented limit: its last accepted value and its first refused one.

use super::*;

#[test]
fn limits_are_inclusive() {
    let now = now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let cases: Vec<(&str, MetricDatum)> = vec![
        ("long name", datum(&"m".repeat(255)).build()),
        ("30 dimensions", datum("M").set_dimensions(Some(dimensions(30))).build()),
        ("long dimension", datum("M").dimensions(dimension(&long(255), &long(1_024))).build()),
        ("150 values", values(vec![1.5; 150], None).build()),
        ("fractional counts", values(vec![1.0, 2.0], Some(vec![0.5, 600.0])).build()),
        ("the least value", datum("M").value(-TWO_TO_THE_360).build()),
        ("the greatest value", datum("M").value(TWO_TO_THE_360).build()),
        ("two weeks ago", datum("M").timestamp(DateTime::from_secs(now - 1_209_600)).build()),
        ("in two hours", datum("M").timestamp(DateTime::from_secs(now + 7_200)).build()),
        ("high resolution", datum("M").storage_resolution(1).build()),
        ("standard resolution", datum("M").storage_resolution(60).build()),
        ("a statistic set", set(10.0, 15.0, 1.0, 2.0)),
        ("a set of one value", set(3.0, 0.3, 0.1, 0.1)),
    ];
    let double = fixed();
    for (case, datum) in &cases {
        assert_eq!(put(&double, vec![datum.clone()]), "accepted", "{case}");
    }
    let units = StandardUnit::values().iter().map(|unit| datum("M").unit((*unit).into()).build());
    let units: Vec<_> = units.collect();
    assert_eq!(units.len(), 27);
    assert_eq!(put(&double, units), "accepted");
    assert_eq!(double.seen().datums().count(), cases.len() + 27);
}

#[test]
fn bad_names_and_dimensions_fail_their_whole_request() {
    refuse(vec![
        (datum("M").set_metric_name(None).build(), MISSING, "MetricName is required"),
        (datum("").build(), VALUE, "MetricName must be 1 to 255"),
        (datum(&long(256)).build(), VALUE, "MetricName must be 1 to 255"),
        (datum(" ").build(), VALUE, "MetricName must not be blank"),
        (datum("Größe").build(), VALUE, "MetricName must be ASCII"),
        (datum("a\nb").build(), VALUE, "MetricName must be ASCII"),
        (datum("M").set_dimensions(Some(dimensions(31))).build(), VALUE, "size greater than 30"),
        (datum("M").dimensions(dimension("", "v")).build(), VALUE, "Name must be 1 to 255"),
        (datum("M").dimensions(dimension(&long(256), "v")).build(), VALUE, "Name must be 1 to"),
        (datum("M").dimensions(dimension(":n", "v")).build(), VALUE, "start with a colon"),
        (datum("M").dimensions(dimension("\t", "v")).build(), VALUE, "Name must be ASCII"),
        (datum("M").dimensions(dimension("n", "")).build(), VALUE, "Value must be 1 to 1024"),
        (datum("M").dimensions(dimension("n", &long(1_025))).build(), VALUE, "Value must be 1 to"),
        (datum("M").dimensions(dimension("n", "  ")).build(), VALUE, "Value must not be blank"),
        (datum("M").dimensions(dimension("n", "é")).build(), VALUE, "Value must be ASCII"),
        (
            datum("M").dimensions(dimension("n", "1")).dimensions(dimension("n", "2")).build(),
            VALUE,
            "Dimensions.member.2.Name repeats n",
        ),
        (
            datum("M").dimensions(Dimension::builder().name("n").build()).build(),
            MISSING,
            "Dimensions.member.1.Value is required",
        ),
        (
            datum("M").dimensions(Dimension::builder().value("v").build()).build(),
            MISSING,
            "Dimensions.member.1.Name is required",
        ),
    ]);
}

#[test]
fn bad_figures_fail_their_whole_request() {
    refuse(vec![
        (datum("M").set_value(None).build(), MISSING, "Value is required"),
        (datum("M").values(1.0).build(), COMBINATION, "Value and MetricData.member.2.Values are"),
        (
            datum("M").statistic_values(statistic_set(1.0, 1.0, 1.0, 1.0)).build(),
            COMBINATION,
            "mutually exclusive and you have specified both",
        ),
        (datum("M").counts(1.0).build(), COMBINATION, "Counts needs the parameter"),
        (values(vec![], None).build(), VALUE, "Values must not be empty"),
        (values(vec![1.0; 151], None).build(), VALUE, "size greater than 150"),
        (values(vec![1.0; 2], Some(vec![1.0])).build(), VALUE, "must be of the same size"),
        (values(vec![1.0], Some(vec![0.0])).build(), VALUE, "greater than 0"),
        (values(vec![1.0], Some(vec![-1.0])).build(), VALUE, "greater than 0"),
        (values(vec![1.0], Some(vec![f64::NAN])).build(), VALUE, "value NaN for parameter"),
        (values(vec![1.0, f64::INFINITY], None).build(), VALUE, "Values.member.2 is invalid"),
        (datum("M").value(f64::NAN).build(), VALUE, "The value NaN for parameter"),
        (datum("M").value(f64::NEG_INFINITY).build(), VALUE, "The value -inf for parameter"),
        (datum("M").value(TWO_TO_THE_360 * 1.001).build(), VALUE, "Value is invalid"),
        (datum("M").value(-TWO_TO_THE_360 * 1.001).build(), VALUE, "Value is invalid"),
        (set(0.0, 0.0, 1.0, 1.0), VALUE, "SampleCount must be greater than 0"),
        (set(2.0, 3.0, 2.0, 1.0), VALUE, "Minimum must not be greater"),
        (set(2.0, 1.0, 1.0, 2.0), VALUE, "Sum must lie between"),
        (set(2.0, 4.1, 1.0, 2.0), VALUE, "Sum must lie between"),
        (set(2.0, f64::NAN, 1.0, 2.0), VALUE, "StatisticValues.Sum is invalid"),
        (
            values(vec![], None)
                .set_values(None)
                .statistic_values(StatisticSet::builder().sum(1.0).build())
                .build(),
            MISSING,
            "StatisticValues.SampleCount is required",
        ),
    ]);
}

#[test]
fn bad_times_units_and_resolutions_fail_their_whole_request() {
    let now = now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    refuse(vec![
        (
            datum("M").timestamp(DateTime::from_secs(now - 1_209_601)).build(),
            VALUE,
            "Timestamp must specify a time within the past two weeks",
        ),
        (
            datum("M").timestamp(DateTime::from_secs(now + 7_201)).build(),
            VALUE,
            "Timestamp must specify a time no more than two hours in the future",
        ),
        (datum("M").storage_resolution(0).build(), VALUE, "StorageResolution must be 1 or 60"),
        (datum("M").storage_resolution(10).build(), VALUE, "StorageResolution must be 1 or 60"),
        (datum("M").unit("Kibibytes".into()).build(), VALUE, "Unit must be a value in the set"),
        (datum("M").unit("percent".into()).build(), VALUE, "Unit must be a value in the set"),
    ]);
}

#[test]
fn a_bad_request_is_refused() {
    let good = || vec![datum("M").build()];
    let long_namespace = long(256);
    let cases: Vec<(&str, Vec<MetricDatum>, &str, &str)> = vec![
        ("", good(), VALUE, "Namespace must be 1 to 255"),
        (&long_namespace, good(), VALUE, "Namespace must be 1 to 255"),
        (":EC2", good(), VALUE, "The value :EC2 for parameter Namespace"),
        ("AWS/EC2", good(), VALUE, "The value AWS/EC2 for parameter Namespace"),
        ("Größe", good(), VALUE, "Namespace must be ASCII"),
        (" ", good(), VALUE, "Namespace must not be blank"),
        ("N", vec![], MISSING, "MetricData is required"),
        ("N", vec![datum("M").build(); 1_001], VALUE, "size greater than 1000"),
        ("N", big(), "RequestEntityTooLarge", "exceeded 1048576 bytes"),
    ];
    let double = fixed();
    for (namespace, datums, code, part) in cases {
        let outcome = send(config(&plain(), &double.url()).build(), namespace, datums);
        check_refusal(namespace, &outcome, code, part);
    }
    assert_eq!(double.seen().accepted, []);
}

/// The service tells of all problems under the first one's code.
#[test]
fn problems_are_told_together() {
    let double = fixed();
    let outcome = put(&double, vec![datum("").build(), datum("M").storage_resolution(2).build()]);
    assert!(outcome.contains("member.1.MetricName"), "{outcome}");
    assert!(outcome.contains("member.2.StorageResolution"), "{outcome}");
}

/// Each bad datum comes after a good one: nothing of its request may be stored.
fn refuse(cases: Vec<(MetricDatum, &str, &str)>) {
    let double = fixed();
    for (bad, code, part) in cases {
        let outcome = put(&double, vec![datum("Good").build(), bad.clone()]);
        check_refusal(&format!("{bad:?}"), &outcome, code, part);
        assert!(outcome.contains("MetricData.member.2"), "{bad:?}: {outcome}");
    }
    assert_eq!(double.seen().accepted, []);
}

fn check_refusal(case: &str, outcome: &str, code: &str, part: &str) {
    let status = if code == "RequestEntityTooLarge" { 413 } else { 400 };
    assert!(outcome.starts_with(&format!("{status} {code}: ")), "{case}: {outcome}");
    assert!(outcome.contains(part), "{case}: {outcome}");
}

/// Over 1 MB before it is packed, far under it after.
fn big() -> Vec<MetricDatum> {
    vec![values(vec![1.5; 120], None).build(); 1_000]
}

fn values(
    values: Vec<f64>,
    counts: Option<Vec<f64>>,
) -> aws_sdk_cloudwatch::types::builders::MetricDatumBuilder {
    datum("M").set_value(None).set_values(Some(values)).set_counts(counts)
}

fn set(sample_count: f64, sum: f64, minimum: f64, maximum: f64) -> MetricDatum {
    let set = statistic_set(sample_count, sum, minimum, maximum);
    datum("M").set_value(None).statistic_values(set).build()
}

fn statistic_set(sample_count: f64, sum: f64, minimum: f64, maximum: f64) -> StatisticSet {
    let set = StatisticSet::builder().sample_count(sample_count).sum(sum);
    set.minimum(minimum).maximum(maximum).build()
}

fn dimensions(count: usize) -> Vec<Dimension> {
    (0..count).map(|index| dimension(&format!("n{index}"), "v")).collect()
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

const TWO_TO_THE_360: f64 = f64::from_bits((1_023 + 360) << 52);

const VALUE: &str = "InvalidParameterValue";
const MISSING: &str = "MissingParameter";
const COMBINATION: &str = "InvalidParameterCombination";
