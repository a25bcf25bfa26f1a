# The stop sends what is left, and nothing that was measured since the start is missing at the
# double: not for the kills, the hang, the reloads, the spike and the upgrade.
check "the service stops" systemctl stop cwmem.service
check "without a failure" property_is Result success
check "everything is delivered" has "stopped; everything is delivered" journal -n 10
systemctl stop double.service
cp /run/double.log /tmp/double.log

# Tenths of a second, by the recorder and by the double. The first start had nowhere to send to; its
# samples were kept and sent by the second one.
measured() { cwmem history --csv | awk -F, 'NR > 1 { sum += $7 } END { printf "%.0f", sum * 10 }'; }
received() { awk '/^EC2\/Memory MemoryUsedPercent/ { sum += $NF } END { printf "%.0f", sum }' /tmp/double.log; }
echo "        TENTHS OF A SECOND: measured $(measured), received $(received)"
check "no sample is lost, none counts twice" is "$(received)" "$(measured)"
killed() { awk '/^EC2\/Memory OomKills/ && $(NF - 1) >= 1 { found = 1 } END { exit !found }' /tmp/double.log; }
if [ -z "$wanted" ]; then
    check "the kill arrived as OomKills" killed
fi
refused() { grep -q 'not stored: none' /tmp/double.log || { cat /tmp/double.log; return 1; }; }
check "the double refused nothing" refused
