#!/bin/sh
# Makes an nkey for each service of docker-compose.yml, puts it into that service's own volume, and tells the NATS server what each key may do.
set -eu
umask 077
periplus nats keys /services/keys --platform files --platform consul
give() { cp "/services/keys/$1.nk" "/services/$2/nats.nk"; }
give pilot pilot-1
give pilot pilot-2
give adapters-files adapters
give adapters-consul consul-adapter
give citadel citadel
give mixer mixer
# Public halves alone.
install -m 0644 /services/keys/authorization.conf /services/nats/authorization.conf
