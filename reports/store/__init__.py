"""Reading the tracking store: experiments, jobs, arms, cards, evidence."""
