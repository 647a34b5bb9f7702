"""How far a prediction is from the ground truth: pure functions on arrays and batches, and a thin suite over them."""
