"""Controls that train nothing: what perfect knowledge would gain (oracles), and what chance is (shuffled labels)."""
