"""Compiled kernels: the CPU module `_cpu` and the CUDA source, and what loads them."""
