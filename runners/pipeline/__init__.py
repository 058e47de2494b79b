"""The main job, from a request to recorded results."""
