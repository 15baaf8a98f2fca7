// Package stopwatch times calls that take little longer than reading the clock does.
package stopwatch
