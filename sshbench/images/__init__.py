"""Images in files, table cells and memory: what is read, how it becomes pixels or a mask, and how files are written."""
