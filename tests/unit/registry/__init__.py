"""Tests of the registry client, against real servers on loopback."""
