"""`sshbench studio`: a page on one's own machine to composite two photographs by eye.

The server keeps each visitor's photographs in a folder of a session, finds colour maps on small copies, and saves with
the very functions that `sshbench harmonize` runs. The page is plain JavaScript without a build step.
"""
