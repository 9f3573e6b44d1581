"""What each customer will buy, spend and earn us within a horizon, with intervals that hold out of time."""
