"""What the commands in scripts/ do."""
