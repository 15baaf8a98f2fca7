// Publisher sends "hello 1", "hello 2" and so on, on the topic "hello", until it is interrupted.
package main
