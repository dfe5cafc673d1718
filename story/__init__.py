"""The demo home, and the story that shows on it that Home Cluster keeps its word."""
