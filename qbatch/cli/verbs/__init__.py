"""A file for each verb; what they share stands beside this folder."""
