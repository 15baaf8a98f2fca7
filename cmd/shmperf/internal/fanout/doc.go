// Package fanout measures one publisher and many subscribers, each a process of its own: what Publish costs, and how long it
// takes until the last of them has read a message.
package fanout
