"""What methods are judged on: composites with their ground truth, and the protocols that say how they are scored."""
