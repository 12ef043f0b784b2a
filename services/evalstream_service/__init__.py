"""Parts that HTTP services share: settings, API keys, bounds of load, errors, and how they are watched."""
