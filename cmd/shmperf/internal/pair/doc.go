// Package pair measures messages from one process to another: how long each takes, or how many pass.
//
// The first messages warm both processes up and count nowhere. When the receiver has the last of those, both note what they have
// used so far, and the measurement begins.
package pair
