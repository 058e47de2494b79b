"""What lies on disk, a module a format: the floor below all others.

Each format is opened in one place.  Whatever is wrong with a file's bytes, the reader raises one sentence of the
caller's own error class that names the file, says what was expected and what to do; sizes are checked before memory is
taken for them.  The modules import nothing of this project but each other.
"""
