#!/bin/sh
# Puts Citadel's root certificate and a fresh join token into Mixer's, each Pilot's and each proxy's volume. Who still has a valid SVID does not need its
# token; one that was away for longer than an SVID lives does. Unused tokens end after ten minutes.
set -eu
umask 077
ids='' folders=''
add() { ids="$ids spiffe://cluster.local/ns/$1/sa/$2" folders="$folders $3"; }
for pilot in /pilots/*; do add periplus-system pilot "$pilot"; done
add periplus-system mixer /mixer
add istio-system istio-ingressgateway /var/lib/periplus
for workload in /workloads/*; do
  name=${workload##*/}
  add default "bookinfo-${name%-v*}" "$workload"
done
# shellcheck disable=SC2086 # IDs have no spaces.
tokens=$(periplus token create $ids --ttl 10m --log "$LOG")
for folder in $folders; do
  token=${tokens%%
*}
  tokens=${tokens#*
}
  cp /citadel/citadel/root-cert.pem "$folder/root-cert.pem"
  printf '%s\n' "$token" > "$folder/join-token"
done
