//! The few things that a configured URL must be, checked by hand.

/// The parts of `http[s]://[user[:password]@]host[:port][/path]`.
pub struct Url<'a> {
    pub user: Option<&'a str>,
    /// With its slash; empty where there is none.
    pub path: &'a str,
}

/// `None` where `text` is not such a URL.
pub fn parse(text: &str) -> Option<Url<'_>> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let (name, port) = split_port(host)?;
    let port_is_fine = port.is_none_or(is_port);
    (is_host(name) && port_is_fine).then_some(Url { user, path })
}

/// Why a text isn't the URL of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It holds a password.
    Password,
    Form,
}

/// The parts of `mysql://user@host[:port]/schema`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseUrl<'a> {
    pub user: &'a str,
    pub host: &'a str,
    pub port: Option<&'a str>,
    pub schema: &'a str,
}

pub fn parse_database(text: &str) -> Result<DatabaseUrl<'_>, Refused> {
    let rest = text.strip_prefix("mysql://").ok_or(Refused::Form)?;
    let (user, place) = rest.rsplit_once('@').ok_or(Refused::Form)?;
    if user.contains(':') {
        return Err(Refused::Password);
    }
    let (host, schema) = place.split_once('/').ok_or(Refused::Form)?;
    let (host, port) = split_port(host).ok_or(Refused::Form)?;
    let fine = is_word(user) && is_host(host) && port.is_none_or(is_port) && is_word(schema);
    if fine { Ok(DatabaseUrl { user, host, port, schema }) } else { Err(Refused::Form) }
}

/// What needs no escape, neither in a URL nor in a statement's quotes.
pub fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// An IPv6 address has colons of its own, within brackets.
fn split_port(host: &str) -> Option<(&str, Option<&str>)> {
    if host.starts_with('[') {
        let (address, rest) = host.split_at(host.find(']')? + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Some((address, Some(port))),
            None => rest.is_empty().then_some((address, None)),
        };
    }
    match host.split_once(':') {
        Some((name, port)) => Some((name, Some(port))),
        None => Some((host, None)),
    }
}

pub fn is_this_machine(host: &str) -> bool {
    let is_loopback = |address: std::net::Ipv4Addr| address.is_loopback();
    host == "localhost" || host == "[::1]" || host.parse().is_ok_and(is_loopback)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

pub fn is_host(name: &str) -> bool {
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && !name.starts_with(['.', '-']) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_users_are_told_apart() {
        for (text, user, path) in [
            ("http://proxy", None, ""),
            ("https://proxy.internal:3128/", None, "/"),
            ("http://user:p:a@ss@proxy:1", Some("user:p:a@ss"), ""),
            ("http://[fd00:ec2::254]:80/x", None, "/x"),
            ("http://[::1]", None, ""),
            ("http://127.0.0.1:4566?x", None, "?x"),
        ] {
            let url = parse(text).expect(text);
            assert_eq!((url.user, url.path), (user, path), "{text}");
        }
    }

    #[test]
    fn databases() {
        for (text, expected) in [
            ("mysql://cwmem@db/cwmem", Ok(())),
            ("mysql://cw-mem@[::1]:3306/a_b$", Ok(())),
            ("mysql://cwmem:secret@db/cwmem", Err(Refused::Password)),
            ("mysql://cwmem:se@cret/x@db/cwmem", Err(Refused::Password)),
            ("mysql://cwmem:@db/cwmem", Err(Refused::Password)),
            ("mysql://db/cwmem", Err(Refused::Form)),
            ("mysql://cwmem@db", Err(Refused::Form)),
            ("mysql://cwmem@db/", Err(Refused::Form)),
            ("mysql://cwmem@db/a/b", Err(Refused::Form)),
            ("mysql://cwmem@db/a?ssl=1", Err(Refused::Form)),
            ("mysql://cwmem@db:0/a", Err(Refused::Form)),
            ("mysql://c'w@db/a", Err(Refused::Form)),
            ("postgres://cwmem@db/a", Err(Refused::Form)),
        ] {
            assert_eq!(parse_database(text).map(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn this_machine_is_no_other() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("localhost", true),
            ("[::1]", true),
            ("localhost.example.com", false),
            ("127.example.com", false),
            ("db", false),
        ] {
            assert_eq!(is_this_machine(host), expected, "{host}");
        }
    }

    #[test]
    fn what_has_no_host_is_refused() {
        for text in [
            "",
            "proxy:3128",
            "ftp://proxy",
            "http://",
            "http:///x",
            "http://:80",
            "http://user@",
            "http://a b",
            "http://proxy:",
            "http://proxy:0",
            "http://proxy:65536",
            "http://proxy:+1",
            "http://[::1",
            "http://[x]",
            "http://[::1]x",
            "http://::1",
            "http://prö",
            "HTTP://x",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
