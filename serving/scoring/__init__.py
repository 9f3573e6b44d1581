"""Scores on request: models held ready in the service, changed without a lost request, and what-if questions."""
