// Package hello holds the two smallest programs: hello/publisher sends lines of text on a topic, hello/subscriber prints
// them. Start either first, and as many of each as you like.
package hello
