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

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_host(name: &str) -> bool {
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
