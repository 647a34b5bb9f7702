"""The networks: torch modules without files and devices, which belong to `sshbench.methods`."""
