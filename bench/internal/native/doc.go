// Package native compiles the C and C++ programs of the comparison, which are in its directory src, with whatever compiler and
// libraries there are, and says what is missing.
package native
