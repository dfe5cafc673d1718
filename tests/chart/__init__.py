"""What the chart renders, and what it refuses; all without a cluster."""
