// Package nats builds and runs natspair: an embedded NATS server with a publisher in its process, and a subscriber in another.
package nats
