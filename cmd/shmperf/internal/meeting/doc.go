// Package meeting measures how soon processes notice each other: a subscriber that waits a new publisher, and anybody the death of
// another process.
package meeting
