// Package figures is what one run of anything that is compared found out: numbers by name, the same names for everybody.
package figures
