"""Kubernetes over HTTP: credentials, one client, watched collections, rights.

Knows nothing of Home Assistant and nothing of devices.
"""
