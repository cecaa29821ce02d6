"""What can be done with reports: import, judge, correct."""
