// Reads the number rows of a .cube file.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_cube_reader(nb::module_&) {}
