"""From votes to soft labels and folds."""
