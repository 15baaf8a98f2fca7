// Package iceoryx runs a RouDi, the daemon that iceoryx needs, and a publisher and a subscriber of ours beside it. There can be only
// one RouDi on a machine: where one runs already, it says so and measures nothing.
package iceoryx
