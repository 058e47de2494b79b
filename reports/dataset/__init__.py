"""A data set as a record, figures and a page."""
