"""The named protocols, one a module that assigns `PROTOCOL`; adding one adds a file and edits no other."""
