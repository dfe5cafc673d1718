"""Judges of the chart that take their time; all without a cluster."""
