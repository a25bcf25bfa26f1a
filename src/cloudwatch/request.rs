//! A batch in the SDK's words.

use crate::batch::Batch;
use crate::datum::Datum;
use crate::distribution::Statistics;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::put_metric_data::builders::PutMetricDataFluentBuilder;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use aws_smithy_types::DateTime;

/// The PutMetricData request that carries `batch`.
pub fn put_metric_data(client: &Client, batch: &Batch) -> PutMetricDataFluentBuilder {
    client
        .put_metric_data()
        .namespace(&*batch.namespace)
        .set_metric_data(Some(batch.datums.iter().map(metric_datum).collect()))
}

fn metric_datum(datum: &Datum) -> MetricDatum {
    let dimension = |dimension: &crate::dimension::Dimension| {
        Dimension::builder().name(&dimension.name).value(&dimension.value).build()
    };
    let builder = MetricDatum::builder()
        .metric_name(&*datum.name)
        .set_dimensions(Some(datum.dimensions.iter().map(dimension).collect()))
        .timestamp(DateTime::from_millis(datum.timestamp.0))
        .unit(StandardUnit::from(datum.unit.as_str()))
        .storage_resolution(datum.resolution.seconds());
    match &datum.statistics {
        Statistics::Values { values, counts } => builder
            .set_values(Some(values.clone()))
            .set_counts(Some(counts.iter().map(|&count| count as f64).collect())),
        Statistics::Set { sample_count, sum, minimum, maximum } => builder.statistic_values(
            StatisticSet::builder()
                .sample_count(*sample_count as f64)
                .sum(*sum)
                .minimum(*minimum)
                .maximum(*maximum)
                .build(),
        ),
    }
    .build()
}
