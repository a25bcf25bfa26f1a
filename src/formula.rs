//! Formulas as data: a sum of fields of /proc/meminfo, or its share of one of them in percent.
//!
//! The words for people, the columns that a recording must hold and the value all come from the
//! same terms, so that none can say something else than the others.

use crate::source::meminfo::MemInfo;
use crate::units::Bytes;
use std::fmt;

/// A field under the kernel's name.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    columns: &'static [&'static str],
    get: fn(&MemInfo) -> Option<Bytes>,
}

#[derive(Debug, Clone, Copy)]
pub enum Term {
    Plus(&'static Field),
    Minus(&'static Field),
}

#[derive(Debug)]
pub struct Combination {
    pub terms: &'static [Term],
    /// In percent of this field, at most 100.
    pub of: Option<&'static Field>,
    /// What it is where that field is 0, as SwapTotal is without swap; `None`: nothing.
    pub of_nothing: Option<f64>,
    /// What the terms come to where they come to less than nothing; `None`: nothing.
    pub at_least: Option<f64>,
}

impl Field {
    /// `None` where the kernel doesn't give it.
    pub fn value(&self, info: &MemInfo) -> Option<Bytes> {
        (self.get)(info)
    }
}

impl Term {
    pub fn field(self) -> &'static Field {
        match self {
            Term::Plus(field) | Term::Minus(field) => field,
        }
    }
}

impl Combination {
    /// In bytes or percent; allocates nothing.
    pub fn value(&self, info: &MemInfo) -> Option<f64> {
        let mut sum: i128 = 0;
        for term in self.terms {
            let amount = i128::from(term.field().value(info)?.0);
            sum += if matches!(term, Term::Plus(_)) { amount } else { -amount };
        }
        let sum = if sum < 0 { self.at_least? } else { sum as f64 };
        let Some(of) = self.of else { return Some(sum) };
        let of = of.value(info)?.as_f64();
        if of > 0.0 { Some((100.0 * sum / of).min(100.0)) } else { self.of_nothing }
    }

    /// Each field once, in the order of the formula.
    pub fn fields(&self) -> Vec<&'static Field> {
        let mut fields: Vec<&'static Field> = Vec::new();
        for field in self.terms.iter().map(|term| term.field()).chain(self.of) {
            if !fields.iter().any(|known| known.name == field.name) {
                fields.push(field);
            }
        }
        fields
    }

    /// The columns that it is computed from.
    pub fn columns(&self) -> Vec<&'static str> {
        self.fields().into_iter().flat_map(|field| field.columns.iter().copied()).collect()
    }
}

/// `100·(MemTotal − MemFree)/MemTotal`.
impl fmt::Display for Combination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = self.terms.len() > 1;
        let (open, close) = match self.of {
            Some(_) if sum => ("100·(", ")/"),
            Some(_) => ("100·", "/"),
            None => ("", ""),
        };
        formatter.write_str(open)?;
        for (place, term) in self.terms.iter().enumerate() {
            let sign = match (place, term) {
                (0, Term::Plus(_)) => "",
                (_, Term::Plus(_)) => " + ",
                (_, Term::Minus(_)) => " − ",
            };
            write!(formatter, "{sign}{}", term.field().name)?;
        }
        formatter.write_str(close)?;
        self.of.map_or(Ok(()), |of| formatter.write_str(of.name))
    }
}

/// What the CloudWatch agent and telegraf take for MemAvailable on a kernel before 3.14: what is
/// free, and of the file pages and of the slab what exceeds half of it or the low watermark.
fn available(info: &MemInfo) -> Option<Bytes> {
    if info.available.is_some() {
        return info.available;
    }
    let reclaimable = or_none(info.slab_reclaimable)?.0;
    let free = info.free?.0;
    let plain = || Some(Bytes(free.saturating_add(info.cached?.0).saturating_add(reclaimable)));
    let (Some(low), Some(active), Some(inactive)) =
        (info.low_watermark, info.active_file, info.inactive_file)
    else {
        return plain();
    };
    let above = |amount: u64| amount - (amount / 2).min(low.0);
    let files = active.0.saturating_add(inactive.0);
    let sum = free.saturating_add(above(files)).saturating_add(above(reclaimable));
    Some(Bytes(sum.saturating_sub(low.0)))
}

/// A line that kernels print only where they have the thing: without the line, nothing of it.
fn or_none(value: Option<Bytes>) -> Option<Bytes> {
    Some(value.unwrap_or_default())
}

macro_rules! field {
    ($constant:ident, $name:literal, $get:expr) => {
        pub static $constant: Field =
            Field { name: $name, columns: &[concat!("meminfo:", $name)], get: $get };
    };
}

field!(TOTAL, "MemTotal", |info| Some(info.total));
field!(FREE, "MemFree", |info| info.free);
field!(AVAILABLE, "MemAvailable", |info| info.available);
field!(BUFFERS, "Buffers", |info| info.buffers);
field!(CACHED, "Cached", |info| info.cached);
field!(RECLAIMABLE, "SReclaimable", |info| or_none(info.slab_reclaimable));
field!(UNRECLAIMABLE, "SUnreclaim", |info| or_none(info.slab_unreclaimable));
field!(SHARED, "Shmem", |info| info.shmem);
field!(ACTIVE, "Active", |info| info.active);
field!(INACTIVE, "Inactive", |info| info.inactive);
field!(SWAP_TOTAL, "SwapTotal", |info| info.swap_total);
field!(SWAP_FREE, "SwapFree", |info| info.swap_free);
field!(SWAP_CACHED, "SwapCached", |info| or_none(info.swap_cached));

/// MemAvailable, or what stands in for it.
pub static ESTIMATED: Field = Field {
    name: "MemAvailable",
    columns: &[
        "meminfo:MemAvailable",
        "meminfo:MemFree",
        "meminfo:Cached",
        "meminfo:Active(file)",
        "meminfo:Inactive(file)",
        "meminfo:SReclaimable",
        "zoneinfo:low",
    ],
    get: available,
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    static SHARE: Combination = Combination {
        terms: &[Term::Plus(&TOTAL), Term::Minus(&FREE), Term::Minus(&CACHED)],
        of: Some(&TOTAL),
        of_nothing: None,
        at_least: Some(0.0),
    };
    static SWAP: Combination = Combination {
        terms: &[Term::Plus(&SWAP_TOTAL), Term::Minus(&SWAP_FREE)],
        of: Some(&SWAP_TOTAL),
        of_nothing: Some(0.0),
        at_least: Some(0.0),
    };

    fn info(total: u64, free: u64, cached: u64) -> MemInfo {
        let (free, cached) = (Some(Bytes(free)), Some(Bytes(cached)));
        MemInfo { total: Bytes(total), free, cached, ..MemInfo::default() }
    }

    #[test]
    fn words_columns_and_value_come_from_the_terms() {
        assert_eq!(SHARE.to_string(), "100·(MemTotal − MemFree − Cached)/MemTotal");
        assert_eq!(SHARE.columns(), ["meminfo:MemTotal", "meminfo:MemFree", "meminfo:Cached"]);
        assert_eq!(SHARE.value(&info(1_000, 100, 150)), Some(75.0));
        assert_eq!(SHARE.value(&MemInfo { free: None, ..info(1_000, 100, 150) }), None);
        const ALONE: &[Term] = &[Term::Plus(&FREE)];
        let alone = Combination { terms: ALONE, ..SHARE };
        assert_eq!(alone.to_string(), "100·MemFree/MemTotal");
        assert_eq!(Combination { of: None, ..alone }.to_string(), "MemFree");
    }

    #[test]
    fn edges_are_the_formula_s_own() {
        let wrapped = info(1_000, 600, 600);
        assert_eq!(SHARE.value(&wrapped), Some(0.0));
        assert_eq!(Combination { at_least: None, ..SHARE }.value(&wrapped), None);
        let none = Some(Bytes(0));
        let swapless = MemInfo { swap_total: none, swap_free: none, ..MemInfo::default() };
        assert_eq!(SWAP.value(&swapless), Some(0.0));
        assert_eq!(Combination { of_nothing: None, ..SWAP }.value(&swapless), None);
        assert_eq!(SWAP.value(&MemInfo::default()), None, "no line isn't no swap");
    }

    #[test]
    fn what_old_kernels_have_available_is_estimated() {
        let kib = |kib: u64| Some(Bytes(kib * 1024));
        let mut old = MemInfo {
            total: Bytes(1_000 * 1024),
            free: kib(100),
            cached: kib(400),
            active_file: kib(100),
            inactive_file: kib(200),
            slab_reclaimable: kib(30),
            low_watermark: kib(20),
            ..MemInfo::default()
        };
        // 100 − 20 + 300 − min(150, 20) + 30 − min(15, 20)
        assert_eq!(ESTIMATED.value(&old), kib(375));
        old.low_watermark = None;
        assert_eq!(ESTIMATED.value(&old), kib(530));
        old.available = kib(7);
        assert_eq!(ESTIMATED.value(&old), kib(7));
        old.low_watermark = kib(100_000);
        assert_eq!(ESTIMATED.value(&MemInfo { available: None, ..old }), kib(0));
    }

    proptest! {
        #[test]
        fn a_share_is_a_percentage(total in 1u64.., free: u64, cached: u64, low: u64) {
            let info = info(total, free >> 1, cached >> 2);
            prop_assert!((0.0..=100.0).contains(&SHARE.value(&info).unwrap()));
            let old = MemInfo { low_watermark: Some(Bytes(low)), active_file: Some(Bytes(free)), inactive_file: Some(Bytes(cached)), ..info };
            prop_assert!(ESTIMATED.value(&old).is_some());
        }
    }
}
