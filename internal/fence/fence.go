// Package fence has an asymmetric fence between processes. Two processes that each store a word and then load the other's word
// need a full fence in between, or both may load the old value. With an asymmetric fence the frequent side needs none: its
// process is registered once, and the rare side issues the heavy fence, which acts as a full fence on every processor that
// executes a registered process.
//
// The heavy fence is membarrier(2) with MEMBARRIER_CMD_GLOBAL_EXPEDITED, in Linux since 4.16. It costs about a microsecond, and an
// interrupt of each processor that executes a registered process at that moment.
package fence
