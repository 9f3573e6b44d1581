"""The leakage certificate of a training: its cut-offs, its labels and its features, checked on the company's own facts."""
