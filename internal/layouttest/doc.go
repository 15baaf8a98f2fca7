// Package layouttest compares three accounts of shared bytes: the tables of docs/format.md and docs/protocol.md, the tables in the comments of the
// package that the bytes belong to, and the constants and accesses in that package's source. Only tests use it.
//
// A table of fields has the columns offset, size, constant, holds, in the document as well as in the comments. A table of
// values, which only the document has, has the columns value, constant, means. Which package a table of the document speaks of
// is in the last heading that ends with a path in parentheses. A table of steps has the columns step, process, bytes, what the
// other side may see, if the process dies here.
package layouttest
