"""Pages of contracts, by who they are for: everybody, the clerk, the makers of templates."""
