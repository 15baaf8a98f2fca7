// Package proc reads the machine's own figures from the files under /proc.
//
// Every parser is a pure function from the text of a file to figures. What a file says is not trusted: sizes, counts and
// names are bounded, and text that is not as documented in proc(5) is an error and never a panic. Files that a machine does
// not have (a container without disks, a kernel without pressure figures) are reported as fs.ErrNotExist.
package proc
