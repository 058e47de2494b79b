"""Looking at a data set: every frame opened, statistics, duplicates, contact sheets, official figures."""
