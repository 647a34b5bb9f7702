"""The networks: torch modules and nothing else. Files and devices are the business of `sshbench.methods`."""
