"""How far up the list each positive stands, without sorting it: one sweep, three engines."""
