"""What carries an experiment out: each plan is turned into deployments, and the runner works through its runs."""
