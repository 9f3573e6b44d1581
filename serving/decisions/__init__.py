"""What to do about each customer: the playbook of actions, and the one that is expected to earn most."""
