"""What `sshbench harmonize` makes: planning pictures from options, folders or a table, and making them."""
