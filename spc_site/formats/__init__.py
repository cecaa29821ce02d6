"""How dates and times are written where nothing else is said: short, sortable, the same in both languages."""
