//! A table of datapoints (RFC 4180): a header of `time` and labels, then a line a period.

use crate::replay::file::{Mistake, Value, instant, label, mistake};

pub fn parse(text: &str) -> Result<Vec<Value>, Mistake> {
    let mut records = Records { rest: text, line: 1 };
    let (_, header) = match records.next() {
        Some(header) => header?,
        None => return Err(mistake("line 1", "expected a header or JSON, found an empty file")),
    };
    let (first, labels) = header.split_first().unwrap_or((&NO_FIELD, &[]));
    if !["time", "timestamp"].contains(&first.trim().to_ascii_lowercase().as_str()) {
        let what = format!("expected the first field to be `time` (or JSON), found {first:?}");
        return Err(mistake("line 1", what));
    }
    let labels: Vec<_> = labels.iter().map(|text| (text.trim(), label(text))).collect();
    if labels.is_empty() || labels.iter().any(|(text, _)| text.is_empty()) {
        return Err(mistake(
            "line 1",
            "expected a label such as `MemoryUsedPercent Average` for each field after `time`, found none",
        ));
    }
    let mut values = Vec::new();
    for record in records {
        let (line, fields) = record?;
        if fields.len() == 1 && fields.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let at = |field: &str| format!("line {line}, {field}");
        if fields.len() != labels.len() + 1 {
            let (wanted, found) = (labels.len() + 1, fields.len());
            let what = format!("expected {wanted} fields, found {found}");
            return Err(mistake(&format!("line {line}"), what));
        }
        let (time, fields) = fields.split_first().unwrap_or((&NO_FIELD, &[]));
        let start = instant::parse(time).ok_or_else(|| {
            mistake(
                &at("time"),
                format!("expected a time such as 2026-11-23T14:21:00Z, found {time:?}"),
            )
        })?;
        for (field, (text, (metric, statistic))) in fields.iter().zip(&labels) {
            if field.trim().is_empty() {
                continue;
            }
            let number = field.trim().parse().ok().filter(|number: &f64| number.is_finite());
            let value = number.ok_or_else(|| {
                mistake(&at(text), format!("expected a number or nothing, found {field:?}"))
            })?;
            let (metric, statistic, place) = (metric.clone(), *statistic, at(text));
            values.push(Value { metric, statistic, start, value, place });
        }
    }
    Ok(values)
}

/// Records with the lines they begin at.
struct Records<'a> {
    rest: &'a str,
    line: usize,
}

impl Iterator for Records<'_> {
    type Item = Result<(usize, Vec<String>), Mistake>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            match self.field() {
                Ok((field, ended)) => {
                    fields.push(field);
                    if ended {
                        return Some(Ok((line, fields)));
                    }
                }
                Err(what) => {
                    self.rest = "";
                    return Some(Err(mistake(&format!("line {}", self.line), what)));
                }
            }
        }
    }
}

impl Records<'_> {
    /// The next field, and whether its record ends with it.
    fn field(&mut self) -> Result<(String, bool), String> {
        let mut field = String::new();
        if let Some(mut rest) = self.rest.strip_prefix('"') {
            loop {
                let Some((inside, after)) = rest.split_once('"') else {
                    return Err("expected a quote that ends the field, found none".to_owned());
                };
                field += inside;
                rest = after;
                match rest.strip_prefix('"') {
                    Some(after) => {
                        field.push('"');
                        rest = after;
                    }
                    None => break,
                }
            }
            self.rest = rest;
        } else {
            let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            field.push_str(
                text.strip_suffix('\r').filter(|_| !rest.starts_with(',')).unwrap_or(text),
            );
            self.rest = rest;
        }
        let quoted_lines = field.matches('\n').count();
        self.line += quoted_lines;
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return Ok((field, false));
        }
        let rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
        if let Some(rest) = rest.strip_prefix('\n') {
            self.rest = rest;
            self.line += 1;
            return Ok((field, true));
        }
        match rest.is_empty() {
            true => {
                self.rest = "";
                Ok((field, true))
            }
            false => Err("expected a comma or the line's end after a quoted field".to_owned()),
        }
    }
}

static NO_FIELD: String = String::new();
