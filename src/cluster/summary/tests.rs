//! The summaries against figures computed by hand, and against an independent computation.

use super::*;
use proptest::prelude::*;

const GIB: u64 = 1 << 30;
const PERIOD: i64 = 1_795_443_660;

fn patience() -> Patience {
    Patience::of(&Timing::new(Duration::from_secs(60)).unwrap())
}

fn row(member: &str, usable: u64, available: u64) -> Row {
    Row {
        member: member.to_owned(),
        period: PERIOD,
        age_millis: 20_000,
        usable,
        available,
        used_percent: 100.0 * (1.0 - available as f64 / usable as f64),
        stall_percent: None,
        under_pressure: false,
    }
}

/// Names with all values and counts.
fn folded(rows: &[Row]) -> Vec<(String, Vec<f64>, Vec<u64>)> {
    let figures = figures(rows, PERIOD, &patience()).into_iter();
    figures
        .map(|figure| {
            assert_eq!(figure.timestamp, Timestamp(PERIOD * 1_000));
            let Statistics::Values { values, counts } = figure.statistics else { unreachable!() };
            (figure.name.into_owned(), values.to_vec(), counts.to_vec())
        })
        .collect()
}

fn single(rows: &[Row], name: &str) -> Option<f64> {
    let (_, values, counts) = folded(rows).into_iter().find(|(other, ..)| other == name)?;
    assert_eq!((values.len(), counts), (1, vec![1]), "{name}");
    Some(values[0])
}

#[test]
fn three_members_by_hand() {
    let mut rows =
        [row("a", 8 * GIB, 2 * GIB), row("b", 16 * GIB, 12 * GIB), row("c", 8 * GIB, 4 * GIB)];
    rows[0].under_pressure = true;
    let expected = [
        (USED, vec![25.0, 50.0, 75.0], vec![1, 1, 1]),
        (MEMBERS, vec![3.0], vec![1]),
        (MISSING, vec![0.0], vec![1]),
        (PRESSED, vec![1.0], vec![1]),
        (AVAILABLE, vec![18.0 * GIB as f64], vec![1]),
        // Without a, which uses 6 GiB: (12 + 4 − 6)/(16 + 8).
        (HEADROOM, vec![100.0 * 10.0 / 24.0], vec![1]),
    ];
    let expected = expected.map(|(name, values, counts)| (name.to_owned(), values, counts));
    assert_eq!(folded(&rows), expected);
}

#[test]
fn headroom_is_negative_where_the_others_cannot_carry_it() {
    let rows = [row("a", 64 * GIB, 4 * GIB), row("b", 8 * GIB, 4 * GIB)];
    assert_eq!(single(&rows, HEADROOM), Some(100.0 * (4.0 - 60.0) / 8.0));
    assert_eq!(single(&rows[..1], HEADROOM), None);
}

#[test]
fn silence_has_its_stages() {
    let mut rows = vec![row("there", 8 * GIB, 4 * GIB)];
    for (member, age_millis) in [
        ("just there", 150_000),
        ("missing", 150_001),
        ("still missing", 3_600_000),
        ("forgotten", 3_600_001),
        ("of a clock that went back", -5_000),
    ] {
        rows.push(Row { period: PERIOD - 120, age_millis, ..row(member, 8 * GIB, GIB) });
    }
    assert_eq!(single(&rows, MEMBERS), Some(3.0));
    assert_eq!(single(&rows, MISSING), Some(2.0));
    assert_eq!(single(&rows, AVAILABLE), Some(4.0 * GIB as f64));
    assert_eq!(single(&rows, HEADROOM), None);
}

#[test]
fn nobody_reports() {
    let expected = [(MEMBERS, vec![0.0], vec![1]), (MISSING, vec![0.0], vec![1])];
    let expected = expected.map(|(name, values, counts)| (name.to_owned(), values, counts));
    assert_eq!(folded(&[]), expected);
}

#[test]
fn datums_bear_the_cluster() {
    let timing = Timing::new(Duration::from_secs(60)).unwrap();
    let figures = figures(&[row("a", 8 * GIB, 2 * GIB)], PERIOD, &patience());
    let datums = datums(&figures, &"EC2/Memory".into(), "web", &timing);
    assert_eq!(
        serde_json::to_string(&datums[0]).unwrap(),
        r#"{"Namespace":"EC2/Memory","MetricName":"ClusterMemoryUsedPercent","Dimensions":[{"Name":"Cluster","Value":"web"}],"Timestamp":"2026-11-23T14:21:00Z","Unit":"Percent","StorageResolution":60,"Values":[75.0],"Counts":[1]}"#
    );
    assert_eq!(datums.len(), 5);
}

fn any_row() -> impl Strategy<Value = Row> {
    let period = prop_oneof![4 => Just(PERIOD), 1 => Just(PERIOD - 60), 1 => Just(PERIOD + 3_600)];
    let age = prop_oneof![4 => 0i64..60_000, 1 => -100_000i64..4_000_000];
    let memory = (1u64..1 << 44).prop_flat_map(|usable| (Just(usable), 0..=usable));
    (period, age, memory, any::<bool>()).prop_map(
        |(period, age_millis, (usable, available), under_pressure)| Row {
            period,
            age_millis,
            under_pressure,
            ..row("m", usable, available)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// By another way: the loss of every member is tried, with the largest use first by sorting.
    #[test]
    fn figures_equal_an_independent_computation(rows in prop::collection::vec(any_row(), 0..400)) {
        let mut of_period: Vec<_> = rows.iter().filter(|row| row.period == PERIOD).collect();
        let there = rows.iter().filter(|row| row.age_millis <= 150_000).count();
        let known = rows.iter().filter(|row| row.age_millis <= 3_600_000).count();
        prop_assert_eq!(single(&rows, MEMBERS), Some(there as f64));
        prop_assert_eq!(single(&rows, MISSING), Some((known - there) as f64));
        if of_period.is_empty() {
            prop_assert_eq!(folded(&rows).len(), 2);
            return Ok(());
        }
        let sum = of_period.iter().fold(0u128, |sum, row| sum + u128::from(row.available));
        prop_assert_eq!(single(&rows, AVAILABLE), Some(sum as f64));
        let pressed = of_period.iter().fold(0, |count, row| count + u32::from(row.under_pressure));
        prop_assert_eq!(single(&rows, PRESSED), Some(f64::from(pressed)));

        let (_, values, counts) = folded(&rows).swap_remove(0);
        prop_assert!(values.len() <= crate::distribution::MAX_VALUES);
        prop_assert_eq!(counts.iter().sum::<u64>(), of_period.len() as u64);
        let used = of_period.iter().map(|row| row.used_percent);
        prop_assert_eq!(values.first().copied(), used.clone().reduce(f64::min));
        prop_assert_eq!(values.last().copied(), used.clone().reduce(f64::max));
        // 0..100 in steps of a tenth joins to steps of 0.8 at most.
        let sent: f64 = values.iter().zip(&counts).map(|(value, count)| value * *count as f64).sum();
        let exact: f64 = used.sum();
        prop_assert!((sent - exact).abs() <= 0.8 * of_period.len() as f64, "{sent} {exact}");

        let headroom = single(&rows, HEADROOM);
        if of_period.len() == 1 {
            prop_assert_eq!(headroom, None);
            return Ok(());
        }
        of_period.sort_by_key(|row| std::cmp::Reverse(row.usable - row.available));
        let largest = of_period[0].usable - of_period[0].available;
        let of_those = |rows: &[&Row]| {
            let available: f64 = rows.iter().map(|row| row.available as f64).sum();
            let usable: f64 = rows.iter().map(|row| row.usable as f64).sum();
            100.0 * (available - largest as f64) / usable
        };
        // Of members with the same use, any may be the one that is lost.
        let ties = of_period.iter().take_while(|row| row.usable - row.available == largest).count();
        let possible = (0..ties).map(|lost| {
            let mut others = of_period.clone();
            others.remove(lost);
            of_those(&others)
        });
        let close = |expected: f64| {
            let found = headroom.unwrap();
            (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
        };
        prop_assert!(possible.into_iter().any(close), "{headroom:?}");
    }
}
