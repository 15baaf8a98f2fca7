// Command shmmon watches the topics of a shmbus domain: a live table in the terminal, and one-shot commands for scripts.
// docs/shmmon.md shows how to do the five common things.
package main
