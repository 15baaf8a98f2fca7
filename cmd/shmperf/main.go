package main

import (
	"os"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmperf/internal/command"
)

func main() { os.Exit(cli.Main(command.Run)) }
