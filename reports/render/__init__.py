"""Tables, figures and files, whatever they show."""
