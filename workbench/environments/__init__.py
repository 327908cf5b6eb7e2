"""Where runs happen; the only adapters that act."""
