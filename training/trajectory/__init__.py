"""Where a customer's value is heading: rising, at its peak, stable or declining, since when, and what follows from it."""
