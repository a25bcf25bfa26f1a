//! `[cluster]`: which cluster this host is a member of, and where its database is.

use crate::config::kind::{self, words};
use crate::config::reader::{Field, Section, Setting};
use crate::config::url;
use std::path::PathBuf;
use std::time::Duration;

/// What a member has to know of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`.
    pub name: String,
    /// `mysql://user@host:port/schema`, without a password.
    pub database: String,
    /// `None`: the systemd credential `cwmem.mysql-password` where there is one, else no password.
    pub password_file: Option<PathBuf>,
    pub tls: Tls,
    /// A PEM file of the authorities that may vouch for the server; else the public ones.
    pub tls_ca: Option<PathBuf>,
    /// The user logs in by a token of IAM's instead of a password; only beside `Tls::Verify`.
    pub iam_auth: bool,
    /// A member whose row is older counts as missing.
    pub missing_after: Duration,
    /// A missing member is no member any more.
    pub forget_after: Duration,
}

/// Why a URL on a command line isn't taken. It isn't shown: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    #[error("expected a URL without a password, which `ps` would show: name a --password-file")]
    Password,
    #[error("expected {EXPECTED_URL}")]
    Form,
}

impl Cluster {
    /// At a URL of the command line, as who logs in with a password. Of `configured` it has its
    /// name, and how the connection is secured.
    pub fn at(
        url: &str,
        password_file: Option<PathBuf>,
        configured: Option<&Cluster>,
    ) -> Result<Cluster, BadUrl> {
        let place = url::parse_database(url).map_err(|refused| match refused {
            url::Refused::Password => BadUrl::Password,
            url::Refused::Form => BadUrl::Form,
        })?;
        // Nobody listens on the way to this machine itself.
        let tls = if url::is_this_machine(place.host) { Tls::Off } else { Tls::Verify };
        let missing_after = default_missing_after(MINUTE);
        Ok(Cluster {
            name: configured.map(|cluster| cluster.name.clone()).unwrap_or_default(),
            database: url.to_owned(),
            password_file,
            tls: configured.map_or(tls, |cluster| cluster.tls),
            tls_ca: configured.and_then(|cluster| cluster.tls_ca.clone()),
            iam_auth: false,
            missing_after,
            forget_after: missing_after * 2,
        })
    }
}

/// How a connection to the database is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tls {
    /// The server's certificate and its name are checked.
    #[default]
    Verify,
    /// Encrypted, whoever the server is.
    Encrypt,
    Off,
}

impl Tls {
    pub const NAMES: [(&'static str, Tls); 3] =
        [("verify", Tls::Verify), ("encrypt", Tls::Encrypt), ("off", Tls::Off)];
}

/// `None` where the section names no cluster.
pub fn read(section: &mut Section<'_>, period: &Setting<Duration>) -> Option<Cluster> {
    let name = section.optional("name", cluster_name);
    let database = section.optional("database", database);
    let parts = parts(section);
    let database = merged(section, database, parts);
    let named = name.value.is_some() || name.is_refused();
    let has_place = database.value.is_some() || database.is_refused();
    let name = section.check(
        name,
        |_| has_place,
        || "cluster.database, or cluster.host and cluster.schema, beside it".to_owned(),
    );
    let database = section.check(database, |_| named, || "cluster.name beside it".to_owned());
    let name = section.check(
        name,
        |_| period.is_refused() || period.value >= SHORTEST_PERIOD,
        || format!("a publish.period of at least {} in a cluster", words(SHORTEST_PERIOD)),
    );
    let password_file = section.optional("password_file", kind::path);
    let (tls, tls_ca) = tls(section);
    let iam_auth = section.value("iam_auth", false, kind::boolean);
    let iam_auth = section.check(
        iam_auth,
        |on| !on || tls.is_refused() || tls.value == Tls::Verify,
        || {
            "cluster.tls = \"verify\" beside it: the token is sent as it is, to be read by that server alone"
                .to_owned()
        },
    );
    let password_file = section.check(
        password_file,
        |_| iam_auth.is_refused() || !iam_auth.value,
        || "no such key beside cluster.iam_auth: a token stands in for the password".to_owned(),
    );
    let (missing_after, forget_after) = ages(section, period);
    Some(Cluster {
        name: name.value?,
        database: database.value?,
        password_file: password_file.value,
        tls: tls.value,
        tls_ca: tls_ca.value,
        iam_auth: iam_auth.value,
        missing_after,
        forget_after,
    })
}

fn tls(section: &mut Section<'_>) -> (Setting<Tls>, Setting<Option<PathBuf>>) {
    let tls = section.value("tls", Tls::default(), |field| kind::choice(field, &Tls::NAMES));
    let ca = section.optional("tls_ca", kind::path);
    let ca = section.check(
        ca,
        |_| tls.is_refused() || tls.value == Tls::Verify,
        || "cluster.tls = \"verify\" beside it: without it no authority is asked".to_owned(),
    );
    (tls, ca)
}

/// As a lease's times are checked in client-go's leader election: each has to leave room for the
/// one before it.
fn ages(section: &mut Section<'_>, period: &Setting<Duration>) -> (Duration, Duration) {
    let longest = MINUTE * 60 * 24;
    let missing = section.value("missing_after", default_missing_after(period.value), |field| {
        kind::duration(field, SHORTEST_PERIOD * 2..=longest)
    });
    let missing = section.check(
        missing,
        |missing| period.is_refused() || *missing >= period.value * 2,
        || {
            format!(
                "at least {}, two of publish.period: a member writes its row once a period, at its own moment",
                words(period.value * 2)
            )
        },
    );
    let forget = section.value("forget_after", MINUTE * 60, |field| {
        kind::duration(field, SHORTEST_PERIOD * 4..=MINUTE * 60 * 24 * 14)
    });
    let forget = section.check(
        forget,
        |forget| missing.is_refused() || *forget >= missing.value * 2,
        || {
            format!(
                "at least {}, twice cluster.missing_after: an alarm has to see a missing member first",
                words(missing.value * 2)
            )
        },
    );
    // Whatever is left at its default never contradicts what is set.
    (missing.value, forget.value.max(missing.value * 2))
}

/// Two and a half periods: a row may be one and a half old by right, and one may be late.
fn default_missing_after(period: Duration) -> Duration {
    period * 5 / 2
}

/// The database by its parts.
struct Parts {
    host: Setting<Option<String>>,
    port: Setting<u32>,
    user: Setting<Option<String>>,
    schema: Setting<Option<String>>,
}

fn parts(section: &mut Section<'_>) -> Parts {
    let host = section.optional("host", host);
    let port = section.value("port", DEFAULT_PORT, |field| kind::integer(field, 1..=65_535));
    let user = section
        .optional("user", |field| word(field, "the name of a user of the database server", 80));
    let schema =
        section.optional("schema", |field| word(field, "the name of a schema (a database)", 64));
    Parts { host, port, user, schema }
}

/// One URL of either way to say it; said both ways, it has to be the same.
fn merged(
    section: &mut Section<'_>,
    database: Setting<Option<String>>,
    parts: Parts,
) -> Setting<Option<String>> {
    let Parts { host, port, user, schema } = parts;
    if database.is_refused() {
        return database;
    }
    if let Some(url) = database.value.as_deref().and_then(|text| url::parse_database(text).ok()) {
        let same = || "what cluster.database says: one of the two is enough".to_owned();
        section.check(host, |host| host.as_deref() == Some(url.host), same);
        section.check(port, |port| port.to_string() == url.port.unwrap_or(DEFAULT_PORT_TEXT), same);
        section.check(user, |user| user.as_deref() == Some(url.user), same);
        section.check(schema, |schema| schema.as_deref() == Some(url.schema), same);
        return database;
    }
    let host = section.check(
        host,
        |_| schema.value.is_some() || schema.is_refused(),
        || "cluster.schema beside it".to_owned(),
    );
    let schema = section.check(
        schema,
        |_| host.value.is_some() || host.is_refused(),
        || "cluster.host beside it".to_owned(),
    );
    let port = port.value;
    let user = user.value.unwrap_or_else(|| DEFAULT_USER.to_owned());
    let of = |schema: &String| {
        host.value.as_ref().map(|host| format!("mysql://{user}@{host}:{port}/{schema}"))
    };
    let url = schema.value.as_ref().and_then(of);
    schema.becomes(url)
}

fn cluster_name(field: &mut Field<'_>) -> Option<String> {
    let expected = "the name of a cluster: 1 to 64 of a-z, 0-9, \".\", \"_\" and \"-\"";
    let text = field.text(expected)?;
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let fine = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
    if fine { Some(text.to_owned()) } else { field.refuse(expected) }
}

/// What is refused here isn't shown: it may hold a password at any place.
fn database(field: &mut Field<'_>) -> Option<String> {
    let text = field.text(EXPECTED_URL)?;
    match url::parse_database(text) {
        Ok(_) => Some(text.to_owned()),
        Err(url::Refused::Password) => field.refuse_unseen(
            "a URL without a password: this file is readable by all; put the password into a file of its own and name that by cluster.password_file",
        ),
        Err(url::Refused::Form) => field.refuse_unseen(EXPECTED_URL),
    }
}

/// An IPv6 address gets its brackets.
fn host(field: &mut Field<'_>) -> Option<String> {
    let expected = "the name or the address of a host";
    let text = field.text(expected)?;
    let bracketed = format!("[{text}]");
    match [text, &bracketed].into_iter().find(|name| url::is_host(name)) {
        Some(name) => Some(name.to_owned()),
        None => field.refuse(expected),
    }
}

/// What may stand in a URL as it is.
fn word(field: &mut Field<'_>, expected: &str, most: usize) -> Option<String> {
    let expected = format!("{expected}: 1 to {most} letters, digits, \"_\", \"-\", \".\" or \"$\"");
    let text = field.text(expected.as_str())?;
    let fine = (1..=most).contains(&text.len()) && url::is_word(text);
    if fine { Some(text.to_owned()) } else { field.refuse(expected) }
}

const EXPECTED_URL: &str = "a URL such as \"mysql://user@host:3306/schema\", without parameters";
/// With shorter ones a leader would have no time between its heartbeats.
const SHORTEST_PERIOD: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_secs(60);
const DEFAULT_PORT: u32 = 3_306;
const DEFAULT_PORT_TEXT: &str = "3306";
const DEFAULT_USER: &str = "cwmem";
