"""Python imports this at start in every process that a test starts; the guard comes into force with it."""

import network_guard  # noqa: F401 - importing is all
