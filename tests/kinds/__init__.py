"""A kind of result as somebody outside the suite writes it: a record, a section and a measurement."""
