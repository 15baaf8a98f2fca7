// Natspair measures NATS as a Go program would use it between two processes of one machine: a server embedded in the publisher's
// process, which the publisher reaches without a socket, and a subscriber in a second process, which it starts itself, over loopback TCP.
// It prints a JSON object. The comparison builds and runs it.
package main
