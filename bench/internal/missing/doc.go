// Package missing is how a comparison says that something is not installed, and which Debian package has it.
package missing
