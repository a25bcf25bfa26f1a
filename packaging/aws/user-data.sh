#!/bin/sh
# User data of an EC2 instance: installs cwmem from a bucket, by checksum, and starts it when its
# configuration is in place. For Amazon Linux 2023, RHEL 9 and its kin, Debian 12 and Ubuntu 24.04.
#
# Change the three values below, or set them before, as cloudformation.yaml and terraform/ do. The
# instance's role needs s3:GetObject on the packages, beside cwmem's own policy (policy.json).
set -eu

# The folder of the packages: s3:// in the instance's region, or https://.
from=${CWMEM_FROM:-s3://example-bucket/cwmem/0.1.0}
# The lines of SHA256SUMS, as `make package` prints them; the one for this machine is taken.
sums=${CWMEM_SHA256SUMS:-}
# cwmem.toml; empty for the defaults.
config=${CWMEM_CONFIG:-}

main() {
    architecture
    line=$(printf '%s\n' "$sums" | grep -- "[* ]cwmem[^/]*$ending\$") || line=
    [ -n "$line" ] || fail "expected a line of a package cwmem*$ending in SHA256SUMS, found none"
    [ "$(printf '%s\n' "$line" | wc -l)" -eq 1 ] || fail "expected one package cwmem*$ending, found several"
    name=$(printf '%s\n' "$line" | sed 's/^[0-9a-f]* [ *]//')

    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # apt's own user reads the package too.
    chmod 755 "$work"
    cd "$work"
    fetch "$from/$name" "$name" || fail "cannot fetch $from/$name"
    printf '%s\n' "$line" | sha256sum -c - || fail "$name isn't what its checksum says: nothing is installed"

    # With the package's configuration it would publish what nobody asked for.
    command -v cwmem > /dev/null || systemctl mask --runtime cwmem.service
    install_package "./$name"
    [ -z "$config" ] || configure
    systemctl unmask --runtime cwmem.service
    systemctl enable cwmem.service
    systemctl restart cwmem.service
}

architecture() {
    case $(uname -m) in
        x86_64) deb=amd64 rpm=x86_64 ;;
        aarch64) deb=arm64 rpm=aarch64 ;;
        *) fail "there is no package for $(uname -m)" ;;
    esac
    if command -v dpkg > /dev/null; then ending=_$deb.deb; else ending=.$rpm.rpm; fi
}

# At a first boot others install packages too.
install_package() {
    case $1 in
        *.deb)
            DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
                -o Dpkg::Options::=--force-confold --no-install-recommends --allow-downgrades install "$1"
            ;;
        *) dnf -q -y install "$1" ;;
    esac
}

# What the binary refuses isn't put in place. A finding, such as a tag that isn't there yet, is said only.
configure() {
    new=/etc/cwmem/.cwmem.toml.new
    printf '%s\n' "$config" > "$new"
    chmod 644 "$new"
    status=0
    cwmem check --offline --config "$new" || status=$?
    if [ "$status" -gt 1 ]; then
        rm "$new"
        # Unmasked first: what is masked can't be disabled.
        systemctl unmask --runtime cwmem.service
        systemctl disable cwmem.service
        fail "cwmem is installed, but its configuration is wrong: it isn't started"
    fi
    mv "$new" /etc/cwmem/cwmem.toml
}

# fetch URL FILE
fetch() {
    case $1 in
        s3://*) if command -v aws > /dev/null; then aws s3 cp --only-show-errors "$1" "$2"; else fetch_signed "$1" "$2"; fi ;;
        https://*) curl -fsS --proto =https --retry 5 -o "$2" "$1" ;;
        *) fail "expected s3:// or https://, found $1" ;;
    esac
}

# As the instance's role, without the AWS CLI: curl 7.87 or newer. Secrets go to curl by its input, as
# arguments are for all to see.
fetch_signed() {
    bucket=${1#s3://}
    key=${bucket#*/} bucket=${bucket%%/*}
    metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
    token=$(curl -fsS --noproxy '*' --retry 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$metadata/latest/api/token") || return
    region=$(of_instance placement/region) && domain=$(of_instance services/domain) || return
    role=$(of_instance iam/security-credentials/) && credentials=$(of_instance "iam/security-credentials/$role") || return
    url=${AWS_ENDPOINT_URL_S3:+$AWS_ENDPOINT_URL_S3/$bucket/$key}
    url=${url:-https://$bucket.s3.$region.$domain/$key}
    curl -fsS --retry 5 -o "$2" --aws-sigv4 "aws:amz:$region:s3" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        --config - "$url" << END
user = "$(field AccessKeyId):$(field SecretAccessKey)"
header = "x-amz-security-token: $(field Token)"
END
}

of_instance() {
    curl -fsS --noproxy '*' --retry 5 --config - "$metadata/latest/meta-data/$1" << END
header = "X-aws-ec2-metadata-token: $token"
END
}

field() { printf '%s\n' "$credentials" | sed -n "s/.*\"$1\" *: *\"\\([^\"]*\\)\".*/\\1/p"; }

fail() {
    echo "cwmem: $1" >&2
    exit 1
}

main
