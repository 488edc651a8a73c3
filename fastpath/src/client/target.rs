//! Where a channel connects to: the targets of gRPC's naming document that need no resolver but DNS.

use std::path::PathBuf;

/// A server's address, not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Target {
    /// `host:port` or `[v6]:port`, bare or behind `dns:///`, `dns:`, `ipv4:` or `ipv6:`; `unix:path`. None for what only
    /// grpc's own resolvers know, such as `xds:`, a list of addresses, or a DNS server of its own.
    #[must_use]
    pub fn parse(target: &str) -> Option<Self> {
        if let Some(path) = target.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return (!path.is_empty()).then(|| Self::Unix(PathBuf::from(path)));
        }
        let address = ["dns:///", "dns:", "ipv4:", "ipv6:"]
            .into_iter()
            .find_map(|scheme| target.strip_prefix(scheme))
            .unwrap_or(target);
        let (host, port) = address.rsplit_once(':')?;
        // `parse` would take a sign.
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
            None if is_name(host) => host.to_owned(),
            None => return None,
        };
        Some(Self::Tcp { host, port })
    }

    /// What the pseudo-header `:authority` says.
    #[must_use]
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
            // As grpc has it for sockets without a name.
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Whom a certificate must be made out to.
    #[must_use]
    pub fn server_name(&self) -> &str {
        match self {
            Self::Tcp { host, .. } => host,
            Self::Unix(_) => "localhost",
        }
    }
}

/// A host's name or an IPv4 address: what stands in a URI without being escaped.
fn is_name(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(target: &str) -> (String, u16) {
        match Target::parse(target) {
            Some(Target::Tcp { host, port }) => (host, port),
            other => panic!("{target}: {other:?}"),
        }
    }

    #[test]
    fn a_host_and_a_port_are_taken_with_and_without_a_scheme() {
        for (target, host, port) in [
            ("localhost:8001", "localhost", 8001),
            ("dns:///fraud.example:8001", "fraud.example", 8001),
            ("dns:fraud.example:8001", "fraud.example", 8001),
            ("ipv4:1.2.3.4:5", "1.2.3.4", 5),
            ("ipv6:[::1]:5", "::1", 5),
            ("[0:0::1]:65535", "::1", 65535),
        ] {
            assert_eq!(tcp(target), (host.to_owned(), port));
        }
        for path in ["unix:/run/penstock", "unix:///run/penstock"] {
            assert_eq!(Target::parse(path), Some(Target::Unix(PathBuf::from("/run/penstock"))));
        }
    }

    #[test]
    fn what_needs_another_resolver_is_not() {
        for target in [
            "",
            "localhost",
            ":8001",
            "a:0",
            "a:65536",
            "a:+1",
            "::1:80",
            "[::1]",
            "xds:///fraud",
            "dns://8.8.8.8/fraud.example:80",
            "ipv4:1.2.3.4:5,1.2.3.5:5",
            "https://fraud.example:80",
            "unix:",
            "a b:80",
        ] {
            assert_eq!(Target::parse(target), None, "{target}");
        }
    }

    #[test]
    fn an_authority_brackets_an_ipv6_address_and_a_certificate_does_not() {
        let target = Target::parse("[::1]:8001").unwrap();
        assert_eq!((target.authority().as_str(), target.server_name()), ("[::1]:8001", "::1"));
    }
}
