# The stop sends what is left, and nothing that was measured since the start is missing at the
# double: not for the kills, the hang, the reloads, the spike, the way to an older version and back.
# The first start had nowhere to send to; its samples were kept and sent by the second one.
check "the service stops" systemctl stop cwmem.service
check "without a failure" property_is Result success
check "everything is delivered" has "stopped; everything is delivered" journal -n 10
systemctl stop double.service
echo "        TENTHS OF A SECOND: measured $(measured), received $(received /run/double.log)"
check "no sample is lost, none counts twice" nothing_lost /run/double.log
killed() { awk '/^EC2\/Memory OomKills/ && $(NF - 1) >= 1 { found = 1 } END { exit !found }' /run/double.log; }
if [ -z "$wanted" ]; then
    check "the kill arrived as OomKills" killed
fi
refused() { grep -q 'not stored: none' /run/double.log || { cat /run/double.log; return 1; }; }
check "the double refused nothing" refused
