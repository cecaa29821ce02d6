"""What energy can do, in verbs."""
