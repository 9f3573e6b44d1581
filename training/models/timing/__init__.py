"""When a customer will order again or its contract will end: a curve of survival for each, with median and interval."""
