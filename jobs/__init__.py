"""What is run: run files, and drivers that call the CLI command of their name."""
