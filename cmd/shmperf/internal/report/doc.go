// Package report prints what a measurement found, for people and for programs. A figure that is not known is null, an empty
// cell, or "-", and never a number.
package report
