"""Planning the pictures of `sshbench harmonize` from options, folders or a table, and making them."""
