"""What the commands do, as plain Python: where it is computed is for an executor to say."""
