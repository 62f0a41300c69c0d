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
missing=""
for pair in prometheus:prometheus promtool:prometheus nginx:nginx-light initdb:postgresql \
    dockerd:docker.io podman:podman runc:runc iptables:iptables docker-registry:docker-registry busybox:busybox-static; do
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
