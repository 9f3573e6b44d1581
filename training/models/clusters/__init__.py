"""Behavioural segments: customers who act alike, found by clustering.

``behaviour`` turns features into points, ``partitions`` are the two ways to divide them, ``choice`` says how many groups
there are and whether they come again, ``groups`` describes and names them, ``model`` is what is stored and assigns,
``matching`` keeps names steady over trainings, ``drift`` notices when the groups no longer fit.
"""
