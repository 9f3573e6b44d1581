"""Whom an action changes, and whether ranking by that serves better than by risk, by value or by lot."""
