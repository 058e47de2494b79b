"""The pages of the project: their links, commands, names and tables; and the site that is built of them."""
