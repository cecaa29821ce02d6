"""Files of readings → readings, and everything that is wrong with them, by cell. Nothing is stored here."""
