# What the unit protects from, each tried twice: as shipped, where it must be refused, and once more
# without the directive that is said to refuse it, where it must go well. Without the second try a
# refusal proves nothing: much is refused to any unprivileged user anyway.
#
# The probes run in the service's own sandbox, as the user daemon instead of a dynamic one, which
# would imply half of the directives.
shipped=$payload/systemd/cwmem.service

# The directives of the shipped unit that make its sandbox.
sandbox() {
    sed -n '/^\[Service\]/,/^\[Install\]/p' "$shipped" | grep -Ev \
        '^(#|\[|$|Type=|NotifyAccess=|Exec(Start|Reload)=|Restart|WatchdogSec=|TimeoutStopSec=|DynamicUser=|StateDirectory|RuntimeDirectory|LoadCredential=)'
}

# unit NAME USER DIRECTIVES PROBE...: runs probes; its directives stand after those of the sandbox,
# one a line. What they came to is in /run/probes/NAME.out.
unit() {
    local name=$1 user=$2 directives=$3
    shift 3
    {
        printf '[Service]\nType=oneshot\n'
        sandbox | sed "s#/cwmem\\b#/probe-$name#g; s#^ExecPaths=[^ ]*#ExecPaths=/usr/bin/perl#"
        # A probe that is killed for its memory shall not take the others with it.
        printf 'OOMPolicy=continue\nStandardOutput=file:/run/probes/%s.out\n' "$name"
        printf 'StateDirectory=probe-%s\nUser=%s\n%s\n' "$name" "$user" "$(tr ';' '\n' <<< "$directives")"
        printf 'ExecStart=/usr/bin/perl /run/probes/all.pl %s\n' "$*"
    } > "/run/systemd/system/probe-$name.service"
    units+=("probe-$name.service")
}

# A group is tried as shipped (by USER, with the drop-in's directives BASE if any) and with TWIN as well.
# group NAME USER TWIN [BASE]
group() {
    group=$1 user_of[$1]=$2 twin_of[$1]=$3 base_of[$1]=${4:-}
    groups+=("$1")
}

# probe NAME PERL, of the group above: PERL dies where it is refused.
probe() {
    printf 'use strict; use warnings;\n%s\n1;\n' "$2" > "/run/probes/$1.pl"
    probes_of[$group]="${probes_of[$group]:-} $1"
}

mkdir -p /run/probes /run/systemd/system
echo other > /tmp/marker
ip address add 192.0.2.1/32 dev lo
systemd-run --quiet --unit=answering /mnt/cloudwatch-double --listen 192.0.2.1:8126
another=$(systemctl show -P MainPID systemd-journald.service)

declare -A user_of=() twin_of=() base_of=() probes_of=()
groups=() units=()
# Each probe is a process of its own. 9: it could not even begin.
cat > /run/probes/all.pl <<'PERL'
for my $name (@ARGV) {
    my $child = fork;
    if (!$child) { do "/run/probes/$name.pl" or print STDERR "$name: $@" and exit 1; exit 0; }
    waitpid $child, 0;
    syswrite STDOUT, "$name " . ($? & 127 ? "signal" : $? >> 8) . "\n";
}
PERL

# The system call numbers are x86_64's.
group calls daemon 'SystemCallFilter='
probe ptrace 'syscall(101, 0, 0, 0, 0) >= 0 or die $!;'
probe mlock 'my $page = "x" x 4096; syscall(149, $page, 4096) >= 0 or die $!;'
probe memfd 'my $name = "probe"; syscall(319, $name, 0) >= 0 or die $!;'
probe keyctl 'syscall(250, 0, -3, 1) >= 0 or die $!;'
probe io_uring 'my $room = "\0" x 256; syscall(425, 1, $room) >= 0 or die $!;'
group namespaces daemon 'RestrictNamespaces=no;SystemCallFilter='
probe user-namespace 'syscall(272, 0x10000000) >= 0 or die $!;'
group personality daemon 'LockPersonality=no'
probe personality 'syscall(135, 8) >= 0 or die $!;'
group code daemon 'MemoryDenyWriteExecute=no'
probe writable-code 'syscall(9, 0, 4096, 7, 34, -1, 0) >= 0 or die $!;'
group families daemon 'RestrictAddressFamilies='
probe netlink 'socket(my $socket, 16, 3, 0) or die $!;'
probe kernel-crypto 'socket(my $socket, 38, 5, 0) or die $!;'
group set-id daemon 'RestrictSUIDSGID=no'
probe set-user-id 'my $file = "$ENV{STATE_DIRECTORY}/suid"; open my $out, ">", $file or exit 9;
    chmod 04755, $file or die $!;'
group exec daemon 'NoExecPaths='
probe runs-true '{ no warnings; exec "/bin/true"; } die $!;'
probe runs-state 'my $own = "$ENV{STATE_DIRECTORY}/true";
    open my $in, "<", "/bin/true" or exit 9; open my $out, ">", $own or exit 9;
    { local $/; print $out scalar <$in>; } close $out; chmod 0755, $own or exit 9;
    { no warnings; exec $own; } die $!;'
group tmp daemon 'PrivateTmp=no'
probe other-tmp 'open my $in, "<", "/tmp/marker" or die $!;'
group devices daemon 'PrivateDevices=no'
probe devices '-e "/dev/vda" or die "no such device";'
group users daemon 'PrivateUsers=no'
probe users 'open my $in, "<", "/proc/self/uid_map" or exit 9; <$in> =~ / 4294967295$/ or die "mapped";'
group resources daemon 'MemoryMax=infinity;TasksMax=infinity'
probe memory 'my $memory = "x" x (200 << 20);'
probe tasks 'for (1 .. 80) { my $child = fork; defined $child or die $!; if (!$child) { sleep 5; exit } }'
group files root 'ProtectSystem=no'
probe etc 'open my $out, ">", "/etc/probe" or die $!;'
probe usr 'open my $out, ">", "/usr/probe" or die $!;'
probe var 'open my $out, ">", "/var/probe" or die $!;'
group home root 'ProtectHome=no'
probe home 'open my $in, "<", "/root/.profile" or die $!;'
group tunables root 'ProtectKernelTunables=no'
probe tunables 'open my $out, ">", "/proc/sys/vm/swappiness" or die $!;'
group cgroups root 'ProtectControlGroups=no'
probe cgroups 'open my $out, "+<", "/sys/fs/cgroup/cgroup.subtree_control" or die $!;'
# What the drop-ins among the examples take away.
drop_in() { sed -n '/^\[Service\]/,$p' "/mnt/systemd/drop-ins/$1.conf" | grep -v '^[#[]' | paste -sd';'; }
group hide-processes daemon 'ProtectProc=default' "$(drop_in hide-processes)"
probe others-memory "open my \$in, '<', '/proc/$another/statm' or die \$!;"
group vpc-endpoint daemon 'IPAddressDeny=' "$(drop_in vpc-endpoint)"
probe other-address 'socket(my $socket, 2, 1, 0) or exit 9;
    local $SIG{ALRM} = sub { die "no answer" };
    alarm 5;
    connect($socket, pack("S n C4 x8", 2, 8126, 192, 0, 2, 1)) or die $!;'

# What has no directives of its own is tried as shipped by one unit a user.
shipped_daemon='' shipped_root=''
for group in "${groups[@]}"; do
    unit "$group-twin" "${user_of[$group]}" "${base_of[$group]};${twin_of[$group]}" ${probes_of[$group]}
    if [ -n "${base_of[$group]}" ]; then
        unit "$group" "${user_of[$group]}" "${base_of[$group]}" ${probes_of[$group]}
    elif [ "${user_of[$group]}" = root ]; then
        shipped_root+=${probes_of[$group]}
    else
        shipped_daemon+=${probes_of[$group]}
    fi
done
unit shipped-daemon daemon '' $shipped_daemon
unit shipped-root root '' $shipped_root
check "the probes run" systemctl start "${units[@]}"

# What each probe came to, as shipped and in its twin.
declare -A as_shipped=() in_twin=()
for file in /run/probes/*.out; do
    while read -r name code; do
        case $file in *-twin.out) in_twin[$name]=$code ;; *) as_shipped[$name]=$code ;; esac
    done < "$file"
done
told() { journalctl -q -o cat "${@/#/--unit=probe-}"; }
refused() {
    case ${as_shipped[$1]:-} in
        '' | 0 | 9) echo "ended with \"${as_shipped[$1]:-}\""; told "$2" shipped-daemon shipped-root; return 1 ;;
    esac
}
went_well() { is "${in_twin[$1]:-}" 0 || { told "$2-twin"; return 1; }; }
for group in "${groups[@]}"; do
    for name in ${probes_of[$group]}; do
        check "$name: refused" refused "$name" "$group"
        check "$name: goes well with ${twin_of[$group]}" went_well "$name" "$group"
    done
done
systemctl stop answering.service
rm -f /run/systemd/system/probe-*.service /etc/probe /usr/probe /var/probe
