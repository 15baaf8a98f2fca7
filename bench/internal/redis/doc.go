// Package redis runs a Redis server of its own, without persistence and at a Unix socket, and a publisher and a subscriber of it.
package redis
