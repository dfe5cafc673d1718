"""The chart on the real cluster: one house from its installation to its end, told in order."""
