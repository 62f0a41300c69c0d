"""The Grafana boards, Prometheus rules and provisioning files that Dialtone ships; `build` makes them."""
