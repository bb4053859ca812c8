"""When the pipeline runs, and what happens if a part of it fails."""

import os

# Prefect reads these when it is imported; a setting of the user's own wins. Its server needs more
# than the usual 20 s to start on a busy machine, and tells nobody of it.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
