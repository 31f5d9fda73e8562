"""Alarms in the world: settings, what is measured, who was told, and the files of Prometheus and Alertmanager."""
