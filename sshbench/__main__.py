"""`python -m sshbench` is the command `sshbench`."""

from sshbench.cli.main import main

if __name__ == "__main__":
    main()
