"""Run experiments: each plan is turned into deployments, and the runner works through its runs."""
