"""Control groups, and proof of what a campaign brought."""
