"""Photographs to [foreground, background, pseudo ground truth] triplets by the paper's dual augmentation."""
