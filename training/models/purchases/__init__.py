"""Probability models of repeat purchases and spend for customers without a contract."""
