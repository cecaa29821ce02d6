"""What can be read of energy."""
