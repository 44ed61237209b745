"""The commands as plain Python; an executor decides where they are computed."""
