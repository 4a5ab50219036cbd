#!/bin/sh
# Whether NATS is well. A stream that met a full disk takes nothing more until the server is started again (2.15): when there is room, this ends it,
# and Docker starts it again.
answers() { wget -q -O /dev/null "http://127.0.0.1:8222/healthz$1"; }
answers '' && exit 0
# Not there, or still starting.
answers '?js-server-only=true' || exit 1
freeKiB=$(df -Pk /data | tail -n 1 | awk '{ print $4 }')
# A block of JetStream's largest streams is 8 MiB: less would be full again at once.
[ "$freeKiB" -lt 16384 ] || kill -TERM 1
exit 1
