#!/bin/sh
# Makes the secrets that compose.yaml hands out, once: a token for Prometheus and Grafana that may read, one for
# you that may do everything, and Grafana's password. Existing ones are left as they are.
set -eu
umask 077
folder="$(cd "$(dirname "$0")" && pwd)/secrets"
mkdir -p "$folder"

random() {
    head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n'
}

token() {
    [ -s "$folder/$1.token" ] || printf 'dt_%s' "$(random)" >"$folder/$1.token"
    sha256sum <"$folder/$1.token" | cut -c-64 >"$folder/$1.sha256"
}

token read
token admin
[ -s "$folder/grafana.password" ] || random >"$folder/grafana.password"
# The containers' users are others than you: nobody else comes into the folder, but they read what is mounted.
chmod 644 "$folder"/*.sha256 "$folder/read.token" "$folder/grafana.password"

cat <<END
The secrets are in $folder. Start it with

    docker compose --file $(dirname "$0")/compose.yaml up --build --detach

    Dialtone      http://127.0.0.1:4350/    token: $folder/admin.token
    Grafana       http://127.0.0.1:3000/    user admin, password: $folder/grafana.password
    Prometheus    http://127.0.0.1:9090/
    Alertmanager  http://127.0.0.1:9093/
END
