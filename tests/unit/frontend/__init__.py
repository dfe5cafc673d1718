"""Tests of the dashboard and the card, in a real browser."""
