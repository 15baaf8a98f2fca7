// Command shmmon watches the topics of a shmbus domain: a live table in the terminal, and one-shot commands for scripts.
//
//	shmmon                    the live table
//	shmmon list               the topics
//	shmmon ps                 the participants
//	shmmon graph              the processes that feed each other
//	shmmon check              thresholds, for health probes
//	shmmon export             metrics for Prometheus
//	shmmon log                what happens, and what programs log
//	shmmon info TOPIC         the publishers and subscriptions of a topic
//	shmmon echo TOPIC         the samples of a topic as they arrive
//	shmmon pub TOPIC JSON     publish a sample
//	shmmon doctor             faults of the domain
//
// docs/shmmon.md lists all commands and shows common tasks.
package main

import (
	"os"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/command"
)

func main() { os.Exit(cli.Main(command.Run)) }
