"""Who may ask for what: keys, tokens, sessions, limits, and the audit log."""
