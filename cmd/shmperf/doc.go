// Command shmperf measures shmbus on the machine it runs on, with processes that it starts itself.
package main
