// The Python module `_cpu`: applies LUTs to images.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

NB_MODULE(_cpu, m) {}
