// Package lab is where a comparison takes place: a directory on a tmpfs for sockets and databases, one for what is compiled, and how
// long things last. Both are gone afterwards.
package lab
