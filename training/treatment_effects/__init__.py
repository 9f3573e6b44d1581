"""What each action does to whom: learnt from the log of treatments, shrunk to the playbook's beliefs."""
