"""From texts and photos to what a model takes, and the encoder that embeds them."""
