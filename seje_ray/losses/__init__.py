"""The training objective: pure functions of tensors."""
