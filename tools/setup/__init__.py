"""Prepares a machine. Runs on any Python 3.11 with nothing but its standard library."""
