// Package mem is the door to unsafe: typed atomic views over bytes that may be shared with other processes.
//
// Every view is checked against the length of the slice it is taken from and against the alignment of its own address,
// so a wrong offset is a panic in this process and never a stray access. Addresses are always a slice plus an offset;
// no address is ever stored as a number.
package mem
