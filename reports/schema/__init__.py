"""The words and forms that all records share."""
