"""Tests that ask the package registries."""
