"""The bench itself: its gauges, its server, its rows."""
