"""From clips and soft labels to trained weights: the loop, its optimisers, its files, and Ray."""
