"""Whether a customer has broken its own rhythm of buying: a sequential test with a stated rate of false alarms."""
