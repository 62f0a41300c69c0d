#!/bin/sh
# Puts promtool and amtool, which check the rules and the configuration of Alertmanager, into our environment:
# out of Debian's packages, of which nothing is installed. Where that cannot be done their tests are left out.
set -eu
bin="$(cd "$(dirname "$0")/../../.venv/bin" && pwd)"
wanted=""
for pair in promtool:prometheus amtool:prometheus-alertmanager; do
    PATH="$PATH:$bin" command -v "${pair%%:*}" >/dev/null || wanted="$wanted ${pair##*:}"
done
[ -z "$wanted" ] && exit 0
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# apt drops its rights to a user of its own, who must be able to write here.
chmod 777 .
if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    # shellcheck disable=SC2086 # a list of package names
    apt-get download -qq $wanted 2>/dev/null || { [ "$(id -u)" = 0 ] && apt-get update -qq && apt-get download -qq $wanted; } || true
fi
for package in *.deb; do
    [ -f "$package" ] && dpkg-deb -x "$package" . && { cp usr/bin/promtool usr/bin/amtool "$bin" 2>/dev/null || true; }
done
for pair in promtool:prometheus amtool:prometheus-alertmanager; do
    PATH="$PATH:$bin" command -v "${pair%%:*}" >/dev/null ||
        echo "Not there: ${pair%%:*}; its tests are left out. On Debian or Ubuntu: sudo apt-get install ${pair##*:}" >&2
done
