"""`sshbench studio`: a local page for compositing two photographs by eye.

The server keeps each visitor's photographs in the folder of a session, finds colour maps on small copies, and saves
with the functions of `sshbench harmonize`. The page is plain JavaScript without a build step.
"""
