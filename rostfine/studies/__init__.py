"""Questions of the papers: what is trained for each, and the tables and figures that answer it."""
