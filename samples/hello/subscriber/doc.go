// Subscriber prints what is published on the topic "hello" until it is interrupted.
package main
