"""Home Cluster as a custom integration of Home Assistant."""
