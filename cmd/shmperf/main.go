// Command shmperf measures shmbus on the machine it runs on, with processes that it starts itself.
//
//	shmperf latency --size 64 --wait poll    delay from one process to another
//	shmperf stream --batch 32                messages per second
//	shmperf floor spin                       what the machine does without a bus
//
// docs/shmperf.md describes all commands.
package main

import (
	"os"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/command"
	"github.com/shmbus/shmbus/internal/subproc"
)

func main() {
	if _, child := subproc.Role(os.Args[1:]); child {
		os.Exit(cli.Child(command.Run))
	}
	os.Exit(cli.Main(command.Run))
}
