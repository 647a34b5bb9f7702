"""Training of every method by one loop: recipes are data, a method's losses an objective."""
