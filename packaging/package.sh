#!/usr/bin/env bash
# Packs a built binary into a .deb, an .rpm and SHA256SUMS; one that is static into a tarball instead.
# The same input gives the same bytes, whatever the folder, the umask and the user: all times are
# SOURCE_DATE_EPOCH (without it, that of the last commit), all files are root's.
#
#     packaging/package.sh [--binary FILE] [--generator FILE] [--out FOLDER] [--only deb|rpm|tar] [--quick]
#
# --generator is a cwmem that runs here, for manual pages and completions, where the binary is for
# another machine. --quick packs without compressing, for tests.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC
top=$(cd "$(dirname "$0")/.." && pwd)

binary=$top/target/release/cwmem generator='' out=$top/target/package only='' quick=''
while [ $# -gt 0 ]; do
    case $1 in
        --binary) binary=$2; shift ;;
        --generator) generator=$2; shift ;;
        --out) out=$2; shift ;;
        --only) only=$2; shift ;;
        --quick) quick=yes ;;
        *) echo "package.sh: $1: no such option; see the head of this file" >&2; exit 64 ;;
    esac
    shift
done
generator=${generator:-$binary}
for program in cargo python3 readelf dpkg-deb gzip xz $([ "$only" = deb ] || echo rpmbuild); do
    command -v "$program" > /dev/null && continue
    echo "package.sh: $program is missing: install the Debian packages of packaging/apt.txt" >&2
    exit 69
done
[ -x "$binary" ] || { echo "package.sh: no binary $binary: make release builds it" >&2; exit 66; }
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct || true)}
if [ -z "$SOURCE_DATE_EPOCH" ]; then
    echo "package.sh: no commit says when this was made: set SOURCE_DATE_EPOCH" >&2
    exit 64
fi
export SOURCE_DATE_EPOCH

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$top/Cargo.toml" | head -1)
maintainer=${PACKAGE_MAINTAINER:-The cwmem authors <cwmem@cwmem.example.org>}
# For the other C library that a cross-compiled binary needs, too: asked of the file itself.
glibc=$(readelf -V "$binary" | sed -n 's/.*Name: GLIBC_\(2\.[0-9]*\).*/\1/p' | sort -Vu | tail -1)
# What the unwinder of the host's own compiler is in; a cross-compiled binary has what it needs of it.
libgcc=''
if readelf -d "$binary" | grep -q 'NEEDED.*libgcc_s'; then libgcc='libgcc-s1, '; fi
case $(readelf -h "$binary" | sed -n 's/^ *Machine: *//p') in
    *X86-64*) deb_architecture=amd64 rpm_architecture=x86_64 ;;
    AArch64*) deb_architecture=arm64 rpm_architecture=aarch64 ;;
    *) echo "package.sh: $binary is for no architecture that is packed" >&2; exit 65 ;;
esac
library=gnu
if [ -z "$glibc" ]; then library=musl only=tar; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
out=$(cd "$out" && pwd)

# put MODE FILE TARGET
put() { install -D -m "$1" "$2" "$3"; }

# What all packages have, under the folder $1; documents go to $2 below it, zsh's completion to $3.
common() {
    local root=$1 documents=$2 page
    put 755 "$binary" "$root/usr/bin/cwmem"
    put 644 "$top/config/cwmem.toml" "$root/etc/cwmem/cwmem.toml"
    install -d -m 755 "$root/etc/cwmem/conf.d"
    "$generator" man --dir "$work/man" > /dev/null
    awk -v "version=$version" -f "$top/packaging/cwmem.toml.5.awk" "$top/config/cwmem.toml" \
        > "$work/man/cwmem.toml.5"
    for page in "$work"/man/*; do
        gzip -9n < "$page" > "$work/page.gz"
        put 644 "$work/page.gz" "$root/usr/share/man/man${page##*.}/$(basename "$page").gz"
    done
    complete bash "$root/usr/share/bash-completion/completions/cwmem"
    complete zsh "$root/$3/_cwmem"
    complete fish "$root/usr/share/fish/vendor_completions.d/cwmem.fish"
    put 644 "$top/README.md" "$root/$documents/README.md"
    "$top/packaging/inventory.py" --target "$rpm_architecture-unknown-linux-$library" \
        --bill "$work/bill" --licences "$work/licences"
    put 644 "$work/bill" "$root/$documents/cwmem.cdx.json"
    gzip -9n < "$work/licences" > "$work/licences.gz"
    put 644 "$work/licences.gz" "$root/$documents/third-party.txt.gz"
    for page in "$top"/systemd/drop-ins/*.conf; do
        put 644 "$page" "$root/$documents/examples/$(basename "$page")"
    done
}

# complete SHELL TARGET
complete() {
    "$generator" completions "$1" > "$work/completion"
    put 644 "$work/completion" "$2"
}

# Nothing is newer or older than the rest.
settle() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

pack_deb() {
    local root=$work/deb documents=$work/deb/usr/share/doc/cwmem script
    common "$root" usr/share/doc/cwmem usr/share/zsh/vendor-completions
    # Debian 12 looks here only; where /lib is a link to usr/lib it is the same.
    put 644 "$top/systemd/cwmem.service" "$root/lib/systemd/system/cwmem.service"
    put 644 "$top/packaging/debian/copyright" "$documents/copyright"
    gzip -9n < "$top/CHANGELOG.md" > "$work/changelog.gz"
    put 644 "$work/changelog.gz" "$documents/changelog.gz"
    {
        echo "cwmem ($version-1) unstable; urgency=medium"
        echo
        echo "  * See changelog.gz."
        echo
        echo " -- $maintainer  $(date -R -u -d "@$SOURCE_DATE_EPOCH")"
    } | gzip -9n > "$work/changelog.Debian.gz"
    put 644 "$work/changelog.Debian.gz" "$documents/changelog.Debian.gz"
    put 644 "$top/packaging/debian/lintian-overrides" "$root/usr/share/lintian/overrides/cwmem"

    install -d -m 755 "$root/DEBIAN"
    sed -e "s/@VERSION@/$version-1/" -e "s/@ARCHITECTURE@/$deb_architecture/" \
        -e "s/@GLIBC@/$glibc/" -e "s/@LIBGCC@/$libgcc/" -e "s|@MAINTAINER@|$maintainer|" \
        -e "s/@SIZE@/$(installed_size "$root")/" \
        "$top/packaging/debian/control.in" > "$root/DEBIAN/control"
    echo /etc/cwmem/cwmem.toml > "$root/DEBIAN/conffiles"
    (cd "$root" && find . -path ./DEBIAN -prune -o -type f -print | sed 's|^\./||' \
        | grep -v '^etc/' | sort | xargs md5sum) > "$root/DEBIAN/md5sums"
    chmod 644 "$root"/DEBIAN/*
    for script in postinst prerm postrm; do
        put 755 "$top/packaging/debian/$script" "$root/DEBIAN/$script"
    done
    settle "$root"
    deb=cwmem_$version-1_$deb_architecture.deb
    # One thread: what several make of it depends on the machine.
    dpkg-deb --root-owner-group --threads-max=1 "-Z$([ -z "$quick" ] && echo xz || echo none)" \
        --build "$root" "$out/$deb" > /dev/null
}

# In KiB, a file at least one and a folder one, as Debian Policy 5.6.20 counts; du would count
# blocks of this machine's file system.
installed_size() {
    find "$1" -path "$1/DEBIAN" -prune -o -printf '%y %s\n' | awk '
        $1 == "f" { size += int(($2 + 1023) / 1024); next } { size += 1 } END { print size }'
}

pack_rpm() {
    local root=$work/rpm
    common "$root" usr/share/doc/cwmem usr/share/zsh/site-functions
    put 644 "$top/systemd/cwmem.service" "$root/usr/lib/systemd/system/cwmem.service"
    put 644 "$top/packaging/rpm/80-cwmem.preset" "$root/usr/lib/systemd/system-preset/80-cwmem.preset"
    put 644 "$top/CHANGELOG.md" "$root/usr/share/doc/cwmem/CHANGELOG.md"
    put 644 "$top/LICENSE-APACHE" "$root/usr/share/licenses/cwmem/LICENSE-APACHE"
    put 644 "$top/LICENSE-MIT" "$root/usr/share/licenses/cwmem/LICENSE-MIT"
    settle "$root"
    # The names of all macros' folders are this build's alone; none gets into the package.
    rpmbuild -bb --quiet --target "$rpm_architecture-linux" \
        --define "_topdir $work/rpmbuild" --define "_rpmdir $out" --define "_tmppath $work" \
        --define "cwmem_version $version" --define "cwmem_root $root" \
        --define "cwmem_maintainer $maintainer" --define "_dbpath $work/rpmdb" \
        --define "_binary_payload $([ -z "$quick" ] && echo w9.xzdio || echo w0.gzdio)" \
        --define "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" \
        "$top/packaging/rpm/cwmem.spec" >&2
    rpm=cwmem-$version-1.$rpm_architecture.rpm
}

# To be unpacked at /, or to take the binary from.
pack_tar() {
    local root=$work/tar
    common "$root" usr/share/doc/cwmem usr/share/zsh/site-functions
    put 644 "$top/systemd/cwmem.service" "$root/usr/lib/systemd/system/cwmem.service"
    put 644 "$top/CHANGELOG.md" "$root/usr/share/doc/cwmem/CHANGELOG.md"
    put 644 "$top/LICENSE-APACHE" "$root/usr/share/licenses/cwmem/LICENSE-APACHE"
    put 644 "$top/LICENSE-MIT" "$root/usr/share/licenses/cwmem/LICENSE-MIT"
    settle "$root"
    tar=cwmem-$version-$rpm_architecture-linux-$library.tar.xz
    tar --sort=name --owner=0 --group=0 --numeric-owner --format=ustar --mode=u+w,go-w \
        -C "$root" -c . | xz -T1 "$([ -z "$quick" ] && echo -9 || echo -0)" > "$out/$tar"
}

deb='' rpm='' tar=''
case $only in
    deb) pack_deb ;;
    rpm) pack_rpm ;;
    tar) pack_tar ;;
    '') pack_deb; pack_rpm ;;
    *) echo "package.sh: --only $only: expected deb, rpm or tar" >&2; exit 64 ;;
esac
cd "$out"
# shellcheck disable=SC2086 # an empty one is none
wc -c $deb $rpm $tar | grep -v total
# Of all that is there of this version: packages for another machine may be.
sha256sum -- *"$version"[-.]* > SHA256SUMS
cat SHA256SUMS
