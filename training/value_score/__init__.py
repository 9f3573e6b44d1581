"""A weighted scorecard from 0 to 100: which customers matter, and which suppliers."""
