"""A compose file: the app, Triton, Prometheus and Grafana on one machine."""
