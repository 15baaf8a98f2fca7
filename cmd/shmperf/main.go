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
