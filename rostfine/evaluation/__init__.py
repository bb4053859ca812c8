"""What predictions are worth: tables over folds, and intervals that say how sure they are."""
