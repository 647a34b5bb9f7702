"""The networks as torch modules. Files and devices are the task of `sshbench.methods`."""
