"""Tests of what is understood and answered."""
