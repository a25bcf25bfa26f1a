# A program that takes all memory but a few percent for two seconds, and is gone.
spike() {
    perl -e '
        $0 = "report-builder";
        my %field;
        open my $file, "<", "/proc/meminfo" or die $!;
        while (<$file>) { $field{$1} = $2 if /^(\w+):\s+(\d+)/ }
        # Leaves a twentieth; a page touched is a page taken.
        my $bytes = ($field{MemAvailable} - $field{MemTotal} / 20) * 1024;
        my $memory = "x" x $bytes;
        select undef, undef, undef, 2.5;
        print length $memory;
    '
}
check "a program takes the host's memory" spike
peak() { cwmem history --since 2m --csv | awk -F, 'NR > 1 && $3 > peak { peak = $3 } END { print peak; exit !(peak >= 90) }'; }
check "the flight recorder has the peak" soon 10 peak
echo "        PEAK: $(peak) % used"
named() {
    cwmem history --since 2m --json | grep '"type":"processes"' | grep -o '"name":"report-builder","resident_bytes":[0-9]*' \
        | awk -F: '$3 > 100e6 { found = 1 } END { exit !found }'
}
check "with the process that held it" soon 10 named
check "history shows it to people" has "report-builder" cwmem history --since 2m --ascii
