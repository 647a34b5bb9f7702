"""Readers of foreign bytes, each under inputs that somebody damaged or made up: one fuzz target a reader.

A module `test_<reader>.py` has a `Target` and the test `fuzz(target, tmp_path)`; `driver.py` says what may happen. The
suite gives each target two seconds. For an hour of one of them, with other inputs each time:

    SSHBENCH_FUZZ_SECONDS=3600 SSHBENCH_FUZZ_SEED=$RANDOM pytest tests/hostile/test_npz.py
"""
