# Our images. Target `periplus`: the control plane and the command line. Target `proxy`: that and Envoy and iptables, for sidecars and gateways.
#   docker build --target periplus -t periplus:local . && docker build --target proxy -t periplus-proxy:local .
# Nothing here needs BuildKit, so that older engines build it too.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG ENVOY_IMAGE=envoyproxy/envoy:v1.40.0

# Compiles with everything that development needs, and leaves only what runs.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The sources come later, so that a change of theirs does not install everything again.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node bin/prepare.js && node bin/build-package.ts \
 && npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE} AS periplus
# Istio's number for the proxy's user: interception lets this user's own traffic pass, so applications run as any other.
RUN groupadd --gid 1337 periplus \
 && useradd --uid 1337 --gid 1337 --no-create-home --home-dir /var/lib/periplus --shell /usr/sbin/nologin periplus \
 && install -d -o periplus -g periplus -m 0750 /var/lib/periplus
# An init container mounts other services' volumes over these: a new volume takes its owner from the folder that it is first mounted over.
# What is for NATS everybody may read: its container's root has no capability to read what is not.
RUN for service in keys pilot-1 pilot-2 adapters consul-adapter citadel mixer; do \
    install -d -o periplus -g periplus -m 0750 "/services/$service"; \
    done && install -d -o periplus -g periplus -m 0755 /services/nats
WORKDIR /opt/periplus
COPY --from=build /build/package.json /build/LICENSE /build/README.md ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/bin/periplus.js bin/periplus.js
COPY --from=build /build/dist dist
COPY deploy/answers.sh /usr/local/bin/answers
RUN ln -s /opt/periplus/bin/periplus.js /usr/local/bin/periplus && chmod 0755 /usr/local/bin/answers bin/periplus.js
# The file system may be read-only: only --data is written to.
WORKDIR /var/lib/periplus
USER periplus
ENTRYPOINT ["periplus"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/var/lib/periplus"]
HEALTHCHECK --interval=2s --timeout=5s --start-period=60s --retries=3 CMD ["answers", "15015", "/readyz"]

FROM ${ENVOY_IMAGE} AS envoy

FROM periplus AS proxy
USER root
RUN apt-get update && apt-get install -y --no-install-recommends iptables && rm -rf /var/lib/apt/lists/*
COPY --from=envoy /usr/local/bin/envoy /usr/local/bin/envoy
USER periplus
CMD ["sidecar", "--host", "0.0.0.0", "--data", "/var/lib/periplus"]
HEALTHCHECK --interval=2s --timeout=5s --start-period=60s --retries=3 CMD ["answers", "15021", "/healthz/ready"]
