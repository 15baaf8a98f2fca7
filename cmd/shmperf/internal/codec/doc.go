// Package codec measures what a typed message costs that is published and received, beside what its serialization alone costs: that
// of the library, with the same value, in the same process and goroutine.
package codec
