//! User data of an instance: a script that installs a package from S3 or HTTPS, by its checksum.

/// Where the package is, and what it has to be.
#[derive(Debug, Clone, Copy)]
pub struct Package<'a> {
    /// `s3://BUCKET/KEY` or `https://...`, of a .deb or .rpm.
    pub url: &'a str,
    /// SHA-256 in 64 hexadecimal digits.
    pub sha256: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPackage {
    #[error(
        "expected the URL of a package, s3://BUCKET/KEY or https://HOST/PATH, ending in .deb or .rpm"
    )]
    Url,
    #[error("expected the package's SHA-256, 64 hexadecimal digits, as `sha256sum FILE` prints it")]
    Checksum,
}

impl Package<'_> {
    /// Everything in it can stand in single quotes.
    pub fn new<'a>(url: &'a str, sha256: &'a str) -> Result<Package<'a>, BadPackage> {
        let place = url.strip_prefix("s3://").or_else(|| url.strip_prefix("https://"));
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"'\"\\`$".contains(&byte);
        let fine = place.is_some_and(|place| place.contains('/'))
            && url.bytes().all(plain)
            && (url.ends_with(".deb") || url.ends_with(".rpm"));
        if !fine {
            return Err(BadPackage::Url);
        }
        match sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(Package { url, sha256 }),
            false => Err(BadPackage::Checksum),
        }
    }

    pub fn user_data(&self) -> String {
        let Package { url, sha256 } = self;
        let is_deb = url.ends_with(".deb");
        let file = if is_deb { "cwmem.deb" } else { "cwmem.rpm" };
        let fetch = match url.starts_with("s3://") {
            true => format!("aws s3 cp --only-show-errors '{url}' \"$folder/{file}\""),
            false => format!(
                "curl --fail --silent --show-error --location --output \"$folder/{file}\" '{url}'"
            ),
        };
        let install = match is_deb {
            true => {
                format!("DEBIAN_FRONTEND=noninteractive apt-get install --yes \"$folder/{file}\"")
            }
            false => format!(
                "dnf install --assumeyes \"$folder/{file}\" || yum install --assumeyes \"$folder/{file}\""
            ),
        };
        // Without the file of the checksum's owner nothing is installed.
        format!(
            r#"#!/bin/sh
# Installs cwmem at the first start of an instance, or nothing where the package isn't the one meant.
# An s3:// URL takes the AWS CLI in the image, and s3:GetObject in the instance's role.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The package manager's own user reads it there.
chmod 755 "$folder"
{fetch}
echo '{sha256}  '"$folder/{file}" | sha256sum --check --quiet -
{install}
systemctl enable --now cwmem
"#,
            sha256 = sha256.to_ascii_lowercase(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leave_its_quotes_is_refused() {
        let sum = "0".repeat(64);
        for url in ["s3://b/k.deb", "https://h/p.rpm"] {
            assert!(Package::new(url, &sum).is_ok(), "{url}");
        }
        for url in [
            "s3://b/k.tar",
            "s3://b.deb",
            "http://h/p.deb",
            "s3://b/';reboot;'.deb",
            "s3://b/$x.deb",
        ] {
            assert_eq!(Package::new(url, &sum).err(), Some(BadPackage::Url), "{url}");
        }
        assert_eq!(Package::new("s3://b/k.deb", "abc").err(), Some(BadPackage::Checksum));
    }
}
