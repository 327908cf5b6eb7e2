"""Files: where they are, what is shipped, YAML, and private folders for what is only needed for a while."""
