"""Phase I: every feature of a recipe, free of Ray."""
