"""The figures that the project promises, measured: `python -m bench`."""
