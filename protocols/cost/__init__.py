"""What an arm costs at test time: operations, parameters, latency, memory, roofline."""
