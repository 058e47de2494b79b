"""Standard parts that several papers cite; no paper is imported here."""
