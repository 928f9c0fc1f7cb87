"""What watches the workers: Grafana boards, Prometheus rules, the Alertmanager's routes; all of it generated.

    boards.documents(rules, goals)      deploy/grafana/dashboards
    ruleset.documents(rules, goals, …)  deploy/prometheus and deploy/alertmanager

A query is put together by :mod:`cxstream.monitoring.query`, which knows the metrics of the catalogue and no
others.
"""
