"""What an archive holds, read: it may be a stranger's

contents    which files it has, and what stands in them
reading     a zip file to these, within limits
points      its points, whose ids are made anew
jobs        its jobs, each with its own counts: written here as well
lending     an archive of which another run takes shots
"""
