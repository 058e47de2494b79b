"""The command line: options, exit codes, lists, the live table."""
