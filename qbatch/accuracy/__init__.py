"""Shots by the accuracy they give: how many more are wanted, decided round by round.

Rules: what is decided is a pure function of what is known, so that it comes out the same whenever
it is asked; it is kept before anything is bought by it.
"""
