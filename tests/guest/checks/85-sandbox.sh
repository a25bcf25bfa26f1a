# What the unit protects from, each tried twice: as shipped, where it must be refused, and once more
# without the directive that is said to refuse it, where it must go well. Without the second try a
# refusal proves nothing: much is refused to any unprivileged user anyway.
#
# The probes run in the service's own sandbox, as the user daemon instead of a dynamic one, which
# would imply half of the directives.
shipped=/mnt/systemd/cwmem.service

# The directives of the shipped unit that make its sandbox.
sandbox() {
    sed -n '/^\[Service\]/,/^\[Install\]/p' "$shipped" | grep -Ev \
        '^(#|\[|$|Type=|NotifyAccess=|Exec(Start|Reload)=|Restart|WatchdogSec=|TimeoutStopSec=|DynamicUser=|StateDirectory|RuntimeDirectory|LoadCredential=)'
}

# unit NAME USER DIRECTIVES: a probe named NAME, its directives one a line after those of the sandbox.
unit() {
    {
        printf '[Service]\nType=oneshot\n'
        sandbox | sed "s#/cwmem\\b#/probe-$1#g; s#^ExecPaths=[^ ]*#ExecPaths=/usr/bin/perl#"
        printf 'StateDirectory=probe-%s\nUser=%s\n%s\n' "$1" "$2" "$3"
        printf 'ExecStart=/usr/bin/perl /run/probes/%s.pl\n' "${1%-twin}"
    } > "/run/systemd/system/probe-$1.service"
}

# probe NAME USER TWIN PERL [BASE]: PERL dies where it is refused. TWIN are the directives that take
# the protection away, BASE those that both have beside the unit's, separated by semicolons.
probes=()
probe() {
    probes+=("$1")
    printf 'use strict; use warnings;\n%s\n' "$4" > "/run/probes/$1.pl"
    unit "$1" "$2" "$(tr ';' '\n' <<< "${5:-}")"
    unit "$1-twin" "$2" "$(tr ';' '\n' <<< "${5:-};$3")"
}

mkdir -p /run/probes /run/systemd/system
echo other > /tmp/marker
ip address add 192.0.2.1/32 dev lo
systemd-run --quiet --unit=answering /mnt/cloudwatch-double --listen 192.0.2.1:8126
pid_of_another=$(systemctl show -P MainPID systemd-journald.service)

# The system call numbers are x86_64's.
calls='SystemCallFilter='
probe ptrace daemon "$calls" 'syscall(101, 0, 0, 0, 0) >= 0 or die $!;'
probe mlock daemon "$calls" 'my $page = "x" x 4096; syscall(149, $page, 4096) >= 0 or die $!;'
probe memfd daemon "$calls" 'my $name = "probe"; syscall(319, $name, 0) >= 0 or die $!;'
probe keyctl daemon "$calls" 'syscall(250, 0, -3, 1) >= 0 or die $!;'
probe io_uring daemon "$calls" 'my $room = "\0" x 256; syscall(425, 1, $room) >= 0 or die $!;'
probe mount-namespace daemon "RestrictNamespaces=no;$calls" 'syscall(272, 0x10000000) >= 0 or die $!;'
probe personality daemon "LockPersonality=no" 'syscall(135, 8) >= 0 or die $!;'
probe writable-code daemon "MemoryDenyWriteExecute=no" 'syscall(9, 0, 4096, 7, 34, -1, 0) >= 0 or die $!;'
probe netlink daemon "RestrictAddressFamilies=" 'socket(my $socket, 16, 3, 0) or die $!;'
probe kernel-crypto daemon "RestrictAddressFamilies=" 'socket(my $socket, 38, 5, 0) or die $!;'
probe set-user-id daemon "RestrictSUIDSGID=no" \
    'my $file = "$ENV{STATE_DIRECTORY}/suid"; open my $out, ">", $file or exit 9; chmod 04755, $file or die $!;'
probe runs-true daemon "NoExecPaths=" '{ no warnings; exec "/bin/true"; } die $!;'
probe runs-state daemon "NoExecPaths=" 'my $own = "$ENV{STATE_DIRECTORY}/true";
    open my $in, "<", "/bin/true" or exit 9; open my $out, ">", $own or exit 9;
    { local $/; print $out scalar <$in>; } close $out; chmod 0755, $own or exit 9;
    { no warnings; exec $own; } die $!;'
probe other-tmp daemon "PrivateTmp=no" 'open my $in, "<", "/tmp/marker" or die $!;'
probe devices daemon "PrivateDevices=no" '-e "/dev/vda" or die;'
probe users daemon "PrivateUsers=no" 'open my $in, "<", "/proc/self/uid_map" or exit 9; <$in> =~ / 4294967295$/ or die;'
probe memory daemon "MemoryMax=infinity" 'my $memory = "x" x (200 << 20); print length $memory;'
probe tasks daemon "TasksMax=infinity" 'for (1 .. 80) { my $child = fork; defined $child or die $!; if (!$child) { sleep 2; exit } }'
probe etc root "ProtectSystem=no" 'open my $out, ">", "/etc/probe" or die $!;'
probe usr root "ProtectSystem=no" 'open my $out, ">", "/usr/probe" or die $!;'
probe var root "ProtectSystem=no" 'open my $out, ">", "/var/probe" or die $!;'
probe home root "ProtectHome=no" 'open my $in, "<", "/root/.profile" or die $!;'
probe tunables root "ProtectKernelTunables=no" 'open my $out, ">", "/proc/sys/vm/swappiness" or die $!;'
probe cgroups root "ProtectControlGroups=no" 'mkdir "/sys/fs/cgroup/probe" or die $!; rmdir "/sys/fs/cgroup/probe";'
# What the drop-ins among the examples take away.
drop_in() { sed -n '/^\[Service\]/,$p' "/mnt/systemd/drop-ins/$1.conf" | grep -v '^[#[]' | paste -sd';'; }
probe hide-processes daemon "ProtectProc=default" \
    "open my \$in, '<', '/proc/$pid_of_another/statm' or die \$!;" "$(drop_in hide-processes)"
probe vpc-endpoint daemon "IPAddressDeny=" '
    socket(my $socket, 2, 1, 0) or exit 9;
    local $SIG{ALRM} = sub { die "no answer" };
    alarm 5;
    connect($socket, pack("S n C4 x8", 2, 8126, 192, 0, 2, 1)) or die $!;' "$(drop_in vpc-endpoint)"

systemctl daemon-reload
units=()
for name in "${probes[@]}"; do units+=("probe-$name.service" "probe-$name-twin.service"); done
systemctl start "${units[@]}" 2> /dev/null
# Perl dies with the number of the error or 255; 9 is a probe that could not even begin, from 200 to
# 254 systemd couldn't run it.
status() { systemctl show -P Result -P ExecMainStatus "probe-$1.service" | paste -sd' '; }
refused() {
    case $(status "$1") in
        "oom-kill "*) ;;
        "exit-code "9 | "exit-code "2[0-4]? | success*) echo "ended with: $(status "$1")"; journalctl -q -o cat -u "probe-$1.service"; return 1 ;;
    esac
}
went_well() { is "$(status "$1")" "success 0" || { journalctl -q -o cat -u "probe-$1.service"; return 1; }; }
for name in "${probes[@]}"; do
    check "$name: refused" refused "$name"
    check "$name: goes well without the directive" went_well "$name-twin"
done
systemctl stop answering.service
rm -f /run/systemd/system/probe-*.service /etc/probe /usr/probe /var/probe
systemctl daemon-reload
