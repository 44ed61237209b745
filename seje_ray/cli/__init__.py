"""The command line: parse, load the run, call one function, print one result."""
