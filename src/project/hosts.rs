//! `--add-host`, by buildx's rules (build/utils.go): `HOST:IP` or `HOST=IP`, the address perhaps in brackets,
//! or `host-gateway`. Out come the host names: of a host only the name enters a key.

use std::net::IpAddr;

use crate::fault::Fault;

/// The names of the hosts, in order, in lower case as BuildKit keeps them.
pub(super) fn parse(values: &[String]) -> anyhow::Result<Vec<String>> {
    values.iter().map(|value| name(value)).collect()
}

fn name(value: &str) -> anyhow::Result<String> {
    let (host, address) = value.split_once('=').or_else(|| value.split_once(':')).unwrap_or((value, ""));
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if host.is_empty() || !(address == "host-gateway" || bare.parse::<IpAddr>().is_ok()) {
        let fault = Fault::new(format!("invalid host `{value}` after --add-host"));
        return Err(fault.with_hint("write `HOST:IP`, such as `db:10.0.0.2`").into());
    }
    Ok(host.to_lowercase())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_host_needs_a_name_and_an_address() {
        let cases = [
            ("db:10.0.0.2", Some("db")),
            ("Db=10.0.0.2", Some("db")),
            ("v6:::1", Some("v6")),
            ("v6:[::1]", Some("v6")),
            ("docker.internal:host-gateway", Some("docker.internal")),
            ("db", None),
            ("db:", None),
            (":10.0.0.2", None),
            ("db:10.0.0", None),
            ("db:example.com", None),
        ];
        for (value, name) in cases {
            assert_eq!(super::name(value).ok().as_deref(), name, "{value}");
        }
    }
}
