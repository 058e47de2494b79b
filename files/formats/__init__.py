"""What a file holds, a module a format.

Each format is opened in one place.  Whatever is wrong with a file's bytes, the reader raises one sentence of the
caller's own error class that names the file, says what was expected and what to do; sizes are checked before memory is
taken for them.
"""
