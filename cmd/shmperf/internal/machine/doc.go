// Package machine says what a measurement was made on.
package machine
