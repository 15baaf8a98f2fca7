// Package layouttest compares three accounts of shared bytes: docs/format.md and docs/protocol.md, the tables in the comments of the
// package that the bytes belong to, and the constants and accesses in that package's source. Only tests use it.
//
// A table of fields has the columns offset, size, holds in the document, and offset, size, constant, holds in a comment. The document
// writes a constant as its name in code font, an equals sign and the value. The last heading that ends with a path in parentheses
// names the package. A table of steps has the columns step, writes, seen, left.
package layouttest
