"""Events in real time: taken, kept, and seen in the scores of the customers they touch."""
