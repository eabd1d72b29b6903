//! What can be judged from a URL alone.

use crate::FetchError;
use reqwest::Url;
use url::Host;

/// A URL that may be asked for as far as its text tells: http or https, no credentials, a port for web servers, and
/// not a name from a private network. What the name resolves to is for [`Guard`](crate::Guard) to judge.
///
/// Parsed by the [WHATWG URL standard](https://url.spec.whatwg.org), as in browsers, so that each of the many ways to
/// write one host (`2130706433`, `0177.1`, `0x7f.1`, `127。0。0。1`) is judged and connected to as the same address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: Host,
    port: u16,
}

impl Target {
    /// The longest URL, in bytes, both as it comes and in its normal form. About what old browsers and the sitemap
    /// protocol take.
    pub const MAX_BYTES: usize = 2048;

    /// Parses an absolute URL. Its fragment and a dot at the end of its host are dropped.
    ///
    /// # Errors
    /// A refusal (see [`FetchError::is_refusal`]) that says what is not allowed about the URL.
    pub fn parse(url: &str) -> Result<Self, FetchError> {
        Self::check_length(url)?;
        Self::admit(Url::parse(url).map_err(|_| FetchError::InvalidUrl)?)
    }

    /// Where a redirect from here leads. `location` may be relative (RFC 9110, section 10.2.2).
    ///
    /// # Errors
    /// As for [`Target::parse`], and [`FetchError::Downgrade`] if it leads from https to http: what was asked for
    /// under a certificate must not come from whoever sits on the line.
    pub fn redirect(&self, location: &str) -> Result<Self, FetchError> {
        Self::check_length(location)?;
        let next = Self::admit(self.url.join(location).map_err(|_| FetchError::InvalidUrl)?)?;
        if self.url.scheme() == "https" && next.url.scheme() == "http" {
            return Err(FetchError::Downgrade);
        }
        Ok(next)
    }

    fn admit(mut url: Url) -> Result<Self, FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FetchError::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Credentials);
        }
        url.set_fragment(None);
        // `localhost.` is `localhost`, and certificates are made out to names without the dot.
        if let Some(name) = url.domain().filter(|name| name.ends_with('.')) {
            let name = name.trim_end_matches('.').to_owned();
            url.set_host(Some(&name)).map_err(|_| FetchError::InvalidUrl)?;
        }
        Self::check_length(url.as_str())?;
        let port = url.port_or_known_default().ok_or(FetchError::InvalidUrl)?;
        if !is_web_port(port) {
            return Err(FetchError::Port(port));
        }
        let host = url.host().ok_or(FetchError::InvalidUrl)?.to_owned();
        match &host {
            Host::Domain(name) if is_private_name(name) => Err(FetchError::NotPublic { host: name.clone() }),
            _ => Ok(Self { url, host, port }),
        }
    }

    fn check_length(url: &str) -> Result<(), FetchError> {
        let limit = Self::MAX_BYTES;
        if url.len() > limit { Err(FetchError::UrlTooLong { limit }) } else { Ok(()) }
    }

    /// The URL in its normal form.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The host, an address wherever the URL standard reads it as one.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, be it written or implied.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The two default ports, and the unprivileged ones, where many serve images (8080, 8443, 3000…). The other privileged
/// ports belong to mail, shells and directories: a request there is a probe or an attack by way of us. So are those
/// that the Fetch standard (section 2.9, "Port blocking") makes browsers block.
fn is_web_port(port: u16) -> bool {
    const BLOCKED: [u16; 19] = [
        1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
        10080,
    ];
    matches!(port, 80 | 443) || (port >= 1024 && !BLOCKED.contains(&port))
}

/// Names that only private networks know. They are refused without asking the resolver, whose answer would tell
/// whether they exist there. A name of one label belongs to them: no top-level domain serves web pages of its own.
fn is_private_name(name: &str) -> bool {
    const PRIVATE_DOMAINS: [&str; 9] = [
        "localhost", // RFC 6761, section 6.3
        "local",     // RFC 6762, section 3
        "internal",  // ICANN Board resolution 2024.07.29.06; also EC2's
        "home.arpa", // RFC 8375
        "corp",      // this and those below: RFC 6762, appendix G
        "home",
        "intranet",
        "lan",
        "private",
    ];
    let is_within =
        |domain: &&str| name.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.contains('.') || PRIVATE_DOMAINS.iter().any(is_within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn refusal(url: &str) -> FetchError {
        Target::parse(url).unwrap_err()
    }

    #[test]
    fn hosts_are_normalised() {
        let loopback: Host = Host::Ipv4(Ipv4Addr::LOCALHOST);
        for url in [
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://%31%32%37.0.0.1/",
            "http://127。0。0。1/",
            "http://①②⑦.⓪.⓪.①/",
            "http:127.0.0.1",
            "http:///127.0.0.1",
            "http:\\\\127.0.0.1\\",
            "http://127.0.0.1\\@example.com/",
            " http://127.0.0\t.1\n",
            "HTTP://127.0.0.1:80/#@example.com",
            "http://017700000001/",
            "http://127.0.0.1?@example.com/",
        ] {
            assert_eq!(Target::parse(url).unwrap().host(), &loopback, "{url}");
        }
        for url in ["http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/"] {
            let Host::Ipv6(ip) = *Target::parse(url).unwrap().host() else { panic!("{url} is not an IPv6 address") };
            assert_eq!(IpAddr::from(ip).to_canonical(), IpAddr::from(Ipv4Addr::LOCALHOST), "{url}");
        }
        let target = Target::parse("https://EXAMPLE.com.:443/a/../b#c").unwrap();
        assert_eq!((target.url().as_str(), target.port()), ("https://example.com/b", 443));
        let ipv6: Host = Host::Ipv6(Ipv6Addr::LOCALHOST);
        assert_eq!(Target::parse("http://[::1]:8080/").unwrap().host(), &ipv6);
    }

    #[test]
    fn only_http_without_credentials_is_admitted() {
        for url in ["file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "data:,a", "javascript:1"] {
            assert_eq!(refusal(url), FetchError::NotHttp, "{url}");
        }
        for url in [
            "http://example.com@127.0.0.1/",
            "http://user:password@example.com/",
            "http://:password@example.com/",
            "http://example.com:80@127.0.0.1/",
            "http://example.com%00@127.0.0.1/",
            "http://a@b@127.0.0.1/",
        ] {
            assert_eq!(refusal(url), FetchError::Credentials, "{url}");
        }
        for url in [
            "",
            "example.com/a.jpg",
            "//example.com/",
            "http://",
            "http://a b/",
            "http://1.2.3.4.5/",
            "http://256.1.1.1/",
            "http://[::1",
            "http://[fe80::1%25eth0]/",
            "http://example.com:65536/",
            "http://.../",
            "http://exa%00mple.com/",
        ] {
            assert_eq!(refusal(url), FetchError::InvalidUrl, "{url:?}");
        }
    }

    #[test]
    fn only_web_ports_are_admitted() {
        for port in [80, 443, 1024, 3000, 8080, 8443, 65535] {
            assert_eq!(Target::parse(&format!("http://example.com:{port}/")).unwrap().port(), port);
        }
        for port in [0, 1, 22, 25, 53, 445, 1023, 2049, 6000, 6667, 10080] {
            assert_eq!(refusal(&format!("http://example.com:{port}/")), FetchError::Port(port));
        }
    }

    #[test]
    fn private_names_are_refused_unasked() {
        for name in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "localhost..",
            "a.localhost",
            "intranet",
            "metadata.google.internal",
            "ip-10-0-0-1.ec2.internal",
            "printer.local",
            "nas.home.arpa",
            "wiki.corp",
            "com",
            "ⓛocalhost",
        ] {
            assert!(matches!(refusal(&format!("http://{name}/")), FetchError::NotPublic { .. }), "{name}");
        }
        for name in ["notlocalhost.com", "localhost.com", "mylocal.net", "arpa.com", "xn--bcher-kva.example.com"] {
            assert!(Target::parse(&format!("http://{name}/")).is_ok(), "{name}");
        }
    }

    #[test]
    fn long_urls_are_refused() {
        let url = |length: usize| format!("http://example.com/{}", "a".repeat(length - 19));
        assert!(Target::parse(&url(2048)).is_ok());
        assert_eq!(refusal(&url(2049)), FetchError::UrlTooLong { limit: 2048 });
        let grows = format!("http://example.com/{}", "é".repeat(900));
        assert_eq!(refusal(&grows), FetchError::UrlTooLong { limit: 2048 });
    }

    #[test]
    fn redirects_are_judged_like_urls() {
        let from = Target::parse("https://example.com/a/b?c").unwrap();
        let leads = |location: &str| from.redirect(location).map(|target| target.url().to_string());
        assert_eq!(leads("../d#e"), Ok("https://example.com/d".to_owned()));
        assert_eq!(leads("//cdn.example.net:8443/d"), Ok("https://cdn.example.net:8443/d".to_owned()));
        assert_eq!(leads("http://example.com/"), Err(FetchError::Downgrade));
        assert_eq!(leads("//a@example.com/"), Err(FetchError::Credentials));
        assert_eq!(leads("file:///etc/passwd"), Err(FetchError::NotHttp));
        assert_eq!(leads("//localhost/"), Err(FetchError::NotPublic { host: "localhost".to_owned() }));
        assert_eq!(leads(&"a".repeat(2049)), Err(FetchError::UrlTooLong { limit: 2048 }));
        assert!(Target::parse("http://example.com/").unwrap().redirect("https://example.com/").is_ok());
    }
}
